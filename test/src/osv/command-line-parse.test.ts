import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeCommandLine } from '../../../src/osv/command-line.ts';
import { partsOf, withEnv, withProgram } from '../../../src/osv/command-line-edit.ts';
import { type ParsedCommandLine, parseCommandLine } from '../../../src/osv/command-line-parse.ts';
import { encodeName } from '../../../store/index.ts';
import { understand } from './kernel-parser.ts';

function read(line: string | Uint8Array): ParsedCommandLine {
  const bytes = typeof line === 'string' ? encodeName(line) : line;
  const parsed = parseCommandLine(bytes);
  if ('reason' in parsed) throw new Error(`read: refused for ${parsed.reason}`);
  return parsed;
}

function text(line: Uint8Array): string {
  return Buffer.from(line).toString('utf8');
}

/** One character a byte, as the model of the kernel has it. */
function bytesOf(word: string): string {
  return Buffer.from(encodeName(word)).toString('latin1');
}

const character = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...' \t\n\r\v\f\\"\'$!&;-=/#') },
  { weight: 4, arbitrary: fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 1 }) },
  { weight: 2, arbitrary: fc.constantFrom('\x01', '\x7f', 'é', '日', '🙂', '\udc80', '\udcff') },
);
const words = fc.array(character, { maxLength: 12 }).map((parts) => parts.join(''));
const lines = fc.record({
  program: words.map((one) => `/${one}`),
  args: fc.array(words, { maxLength: 6 }),
  env: fc.uniqueArray(
    fc.tuple(
      words.map((one) => `N${one.replaceAll('=', '')}`),
      words,
    ),
    {
      selector: ([name]) => name,
      maxLength: 5,
    },
  ),
  cwd: words.map((one) => `/${one}`),
  stopThreads: fc.boolean(),
});

function encode(line: {
  readonly env: Iterable<readonly [string, string]>;
  readonly cwd: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly stopThreads: boolean;
}): Uint8Array {
  const { env, cwd, ...rest } = line;
  return encodeCommandLine({
    options: { rootfs: 'rofs', env, cwd, powerOffOnAbort: true },
    ...rest,
  });
}

describe('parseCommandLine', () => {
  it('gives back what encodeCommandLine was given, for any text', () => {
    fc.assert(
      fc.property(lines, (line) => {
        const parts = partsOf(read(encode(line)));
        expect(parts).toEqual({
          options: [{ name: 'rootfs', value: 'rofs' }, { name: 'power-off-on-abort' }],
          env: new Map(line.env),
          cwd: line.cwd,
          programs: [{ words: [line.program, ...line.args], end: line.stopThreads ? '!' : '' }],
        });
      }),
      { numRuns: 500 },
    );
  });

  it('reads any bytes as the model of the kernel does', () => {
    const token = fc.constantFrom(
      ...['--env=A=b\\ c', '--verbose', '--x=', '-x', '/a', '"b c"', '"', '&', '&!', ';', '!'],
      ...['$A', 'x$A', '\\n', '\\q', 'é', ' ', '\t', '\n', '\\', '=', '""', '--env=B'],
    );
    fc.assert(
      fc.property(fc.array(token, { maxLength: 12 }), fc.constantFrom('', ' '), (parts, glue) => {
        const line = parts.join(glue);
        // What a backslash at the end means to the kernel is what lies in memory behind it.
        fc.pre(!line.endsWith('\\'));
        const model = understand(bytesOf(line));
        const parsed = parseCommandLine(encodeName(line));
        expect('reason' in parsed).toBe(model === undefined);
        if ('reason' in parsed || model === undefined) return;
        const programs = parsed.programs.map((one) => ({ ...one, words: one.words.map(bytesOf) }));
        expect(programs).toEqual(model.commands);
        expect([...parsed.env].map((pair) => pair.map(bytesOf))).toEqual([...model.env]);
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    ['blanks before the program', '--verbose   /a b', [{ words: ['/a', 'b'], end: '' }]],
    ['a tab inside a word', '/a x\ty', [{ words: ['/a', 'x\ty'], end: '' }]],
    ['an empty word', '/a "" !', [{ words: ['/a', ''], end: '!' }]],
    [
      'several programs',
      '/a & /b &! /c; /d',
      [
        { words: ['/a'], end: '&' },
        { words: ['/b'], end: '&!' },
        { words: ['/c'], end: ';' },
        { words: ['/d'], end: '' },
      ],
    ],
    ['a variable that is not set', '/a pre$NOPE', [{ words: ['/a', 'pre'], end: '' }]],
  ])('reads %s as was measured', (_, line, programs) => {
    expect(read(line).programs).toEqual(programs);
  });

  it.each([
    ['--rootfs=rofs', 'no program'],
    ['--rootfs=rofs  ;', 'no program'],
    ['-x /a', 'the word "-x" where an option begins with "--"'],
    ['-- /a', 'the word "--" where an option begins with "--"'],
    ['--env= /a', 'the option --env without its value'],
    ['/žluť', "byte 0xc5 in the program's words, which are ASCII"],
    ['& /a', '"&" where a program begins'],
  ])('refuses %j as the kernel does', (line, reason) => {
    expect(parseCommandLine(encodeName(line))).toEqual({ reason });
  });
});

describe('withEnv', () => {
  it('gives the line of the edited environment, for any text', () => {
    fc.assert(
      fc.property(lines, words, words, (line, fresh, value) => {
        const [first, ...others] = line.env;
        const name = `X${fresh.replaceAll('=', '')}`;
        const edit = {
          set: new Map([[name, value], ...(first ? [[first[0], `${value}!`] as const] : [])]),
          unset: others.slice(0, 1).map(([one]) => one),
        };
        const env = [
          ...(first ? [[first[0], `${value}!`] as const] : []),
          ...others.slice(1),
          [name, value] as const,
        ];
        const edited = partsOf(read(withEnv(read(encode(line)), edit)));
        expect([...edited.env]).toEqual(env);
        expect({ ...edited, env: [] }).toEqual({ ...partsOf(read(encode(line))), env: [] });
      }),
      { numRuns: 200 },
    );
  });

  it('keeps options and words as they were written', () => {
    const line = read('--rootfs=zfs --env=A=1 --ip=eth0,10.0.0.2,255.0.0.0 --env=A=2 /a & /b $A');
    const edited = withEnv(line, {
      set: new Map([
        ['A', '3 4'],
        ['B', ''],
      ]),
      unset: [],
    });
    expect(text(edited)).toBe(
      '--rootfs=zfs --env=A=3\\ 4 --env=B= --ip=eth0,10.0.0.2,255.0.0.0 /a & /b $A',
    );
  });

  it('refuses a variable that carries a word', () => {
    const line = read(encode({ env: [], cwd: '/', program: '/a', args: ['$'], stopThreads: true }));
    const set = new Map([['OSV_CONVERT_ARG_1', 'x']]);
    const refused = expect.objectContaining({ code: 'USAGE' });
    expect(() => withEnv(line, { set, unset: [] })).toThrow(refused);
    expect(() => withEnv(line, { set: new Map(), unset: [...set.keys()] })).toThrow(refused);
  });

  it('refuses what no line can say, and more than the boot sector loads', () => {
    const refused = expect.objectContaining({ code: 'COMMAND_LINE_INEXPRESSIBLE' });
    for (const pair of [
      ['', 'x'],
      ['A', '\0'],
      ['A', 'x'.repeat(33_000)],
    ] as const) {
      expect(() => withEnv(read('/a'), { set: new Map([pair]), unset: [] })).toThrow(refused);
    }
  });
});

describe('withProgram', () => {
  it('gives the line that the encoder writes of the edited program, for any text', () => {
    fc.assert(
      fc.property(lines, lines, (line, other) => {
        const { program, args, cwd } = other;
        const edited = withProgram(read(encode(line)), { program, args, cwd });
        expect(text(edited)).toBe(text(encode({ ...line, program, args, cwd })));
        const again = withProgram(read(encode(line)), { args });
        expect(text(again)).toBe(text(encode({ ...line, args })));
      }),
      { numRuns: 300 },
    );
  });

  it('changes the folder alone of a line with several programs, and no words', () => {
    const line = read('/a & /b');
    expect(text(withProgram(line, { cwd: '/x y' }))).toBe('--cwd=/x\\ y /a & /b');
    expect(() => withProgram(line, { args: [] })).toThrow(
      expect.objectContaining({ code: 'USAGE' }),
    );
  });
});
