import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { completeCommand, createProgram } from '../../../src/cli/program.ts';
import { top } from '../../support/top.ts';

/** In the place of what is not known before a program runs. */
const unknown = '§';

/** The text of every literal of a file, with `unknown` for expressions. */
function literalsOf(file: string): readonly string[] {
  const code = readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\//g, '');
  const literals: string[] = [];
  for (const [literal] of code.matchAll(/'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"/g)) {
    literals.push(literal.slice(1, -1));
  }
  for (const [, literal = ''] of withoutExpressions(code).matchAll(/`((?:[^`\\]|\\.)*)`/g)) {
    literals.push(literal);
  }
  return literals;
}

/** Those of templates, the inner ones first. */
function withoutExpressions(code: string): string {
  const inner = /\$\{(?:[^{}`]|\{[^{}`]*\}|`(?:[^`\\]|\\.)*`)*\}/g;
  const shorter = code.replace(inner, unknown);
  return shorter === code ? code : withoutExpressions(shorter);
}

/** The commands of this tool in a hint: a line of it, or what stands behind a colon at its end. */
function commandsIn(literal: string): readonly string[] {
  return literal
    .split(/\\n|\n/)
    .flatMap((line) => /(?:^|: )osv-convert (\S.*)$/.exec(line)?.[1] ?? [])
    .map((words) => words.replace(/ [|<] .*$/, ''));
}

/** Texts that begin like a hint and are none. */
const others = /^(?:disk of |load$|runtime add keeps it|--store §)/;

const hints = ['src', 'store']
  .flatMap((folder) =>
    readdirSync(join(top, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => join(folder, file)),
  )
  .flatMap((file) =>
    literalsOf(join(top, file))
      .flatMap(commandsIn)
      .filter((words) => !others.test(words))
      .map((words) => ({ file, words })),
  );

/** What is wrong with a command line, as far as it is known. */
async function problemOf(words: readonly string[]): Promise<string | undefined> {
  let command: Command = createProgram();
  let rest = words;
  for (;;) {
    const name = rest[0]?.replace(unknown, '');
    const next = command.commands.find((one) => one.name() === name);
    if (next === undefined) break;
    await completeCommand(next);
    command = next;
    rest = rest.slice(1);
  }
  if (rest.includes('--help') || command.commands.length > 0) {
    return rest.every((word) => word === '--help' || word === unknown) ? undefined : 'no command';
  }
  const given: string[] = [];
  for (let at = 0; at < rest.length; at += 1) {
    const word = rest[at] ?? '';
    const option = command.options.find(({ long, short }) => word === long || word === short);
    if (option !== undefined) at += option.required ? 1 : 0;
    else if (/^--?\w/.test(word)) return `no option ${word}`;
    else given.push(word);
  }
  const wanted = command.registeredArguments;
  const known = given.filter((word) => word !== unknown);
  if (!wanted.some(({ variadic }) => variadic) && known.length > wanted.length) return 'too much';
  return given.length < wanted.filter(({ required }) => required).length ? 'too little' : undefined;
}

describe('hint', () => {
  it('is found in the code', () => {
    expect(hints.length).toBeGreaterThan(80);
  });

  it.each(hints)('can be typed: osv-convert $words ($file)', async ({ words }) => {
    expect(await problemOf(words.trim().split(/ +/))).toBeUndefined();
  });
});
