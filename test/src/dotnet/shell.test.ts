import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readSimpleCommand } from '../../../src/dotnet/shell.ts';
import { findProgram } from '../../support/docker-registry.ts';
import { writeProgram } from '../../support/write-program.ts';

const env = new Map([
  ['APP_DLL', 'app.dll'],
  ['PORT', '8080'],
  ['EMPTY', ''],
  ['TWO', 'a b'],
  ['GLOB', '*'],
  ['SIGNS', 'a;b&c|d$e"f'],
]);

const read = (script: string, folders: readonly string[] = ['.', '/srv', 'sub']) =>
  readSimpleCommand(script, {
    env,
    parameters: ['--one', 'two words'],
    isFolder: (path) => folders.includes(path),
  });

describe('readSimpleCommand', () => {
  test.each<[string, readonly string[]]>([
    ['dotnet app.dll', ['dotnet', 'app.dll']],
    [' exec\tdotnet  app.dll \n', ['dotnet', 'app.dll']],
    ['dotnet "my app.dll" \'$x\' ""', ['dotnet', 'my app.dll', '$x', '']],
    ['dotnet a"b"\'c\'d', ['dotnet', 'abcd']],
    [
      `dotnet $APP_DLL --urls "http://+:\${PORT}/$TWO"`,
      ['dotnet', 'app.dll', '--urls', 'http://+:8080/a b'],
    ],
    [`dotnet x\${PORT}y "$EMPTY" $SIGNS`, ['dotnet', 'x8080y', '', 'a;b&c|d$e"f']],
    ['exec dotnet app.dll "$@"', ['dotnet', 'app.dll', '--one', 'two words']],
    ['dotnet app.dll --urls http://*:80', ['dotnet', 'app.dll', '--urls', 'http://*:80']],
    ['dotnet app.dll a#b x=y', ['dotnet', 'app.dll', 'a#b', 'x=y']],
  ])('takes %j apart', (script, words) => {
    expect(read(script)).toEqual({ words, assignments: new Map() });
  });

  test('keeps assignments and the folder when they stand before the command', () => {
    expect(
      read('cd /srv && A=1 URLS=http://*:$PORT B="$TWO" C=$GLOB D= exec dotnet app.dll'),
    ).toEqual({
      words: ['dotnet', 'app.dll'],
      directory: '/srv',
      assignments: new Map([
        ['A', '1'],
        ['URLS', 'http://*:8080'],
        ['B', 'a b'],
        ['C', '*'],
        ['D', ''],
      ]),
    });
  });

  test.each<[string, string]>([
    ['', 'it does nothing'],
    ['A=1', 'it starts no program'],
    ['a\nb', 'it has several lines'],
    ['migrate && dotnet app.dll', 'it has "&&"'],
    ['cd /srv && cd sub && dotnet app.dll', 'it has "&&"'],
    ['dotnet app.dll; true', 'it has ";"'],
    ['dotnet app.dll &', 'it has "&"'],
    ['dotnet app.dll > log', 'it has ">"'],
    ['dotnet `which app`', 'it has "`"'],
    ['dotnet $(which app)', 'it has "$"'],
    [`dotnet \${PORT:-80}`, 'it has "$"'],
    [`dotnet "\${PORT:-80}"`, 'it has $'],
    ['dotnet $1', 'it has "$"'],
    ['dotnet $@', 'it has "$"'],
    ['dotnet a\\ b', 'it has "\\\\"'],
    ['dotnet "a\\"b"', 'it has "\\""'],
    ["dotnet 'a", `it has "'"`],
    ['dotnet ~/app.dll', 'it has "~"'],
    ['dotnet {a,b}', 'it has "{"'],
    ['dotnet app.dll # serve', 'it has a comment'],
    ['dotnet a\u00a0b', 'it has "\u00a0"'],
    ['dotnet $GONE', 'the image sets no GONE'],
    ['dotnet "$HOME"', 'the image sets no HOME'],
    ['dotnet $PWD', 'the shell itself sets $PWD'],
    ['dotnet $EMPTY', '$EMPTY is "", not one plain word'],
    ['dotnet $TWO', '$TWO is "a b", not one plain word'],
    ['dotnet $GLOB', '$GLOB is "*", not one plain word'],
    ['dotnet *.dll', '"*.dll" may be the names of files'],
    ['PATH=/x dotnet app.dll', 'it sets PATH'],
    ['IFS=x dotnet app.dll', 'it sets IFS'],
    ['A=1 B=$A dotnet app.dll', 'the image sets no A'],
    ['PORT=1 B=$PORT dotnet app.dll', 'it uses a variable that it sets'],
    ['if dotnet app.dll', 'it begins with "if"'],
    ['exec -a x dotnet', 'it begins with "-a"'],
    ['exec A=1 dotnet', 'it begins with "A=1"'],
    ['A+=1 dotnet', 'it begins with "A+=1"'],
    ['cd /gone && dotnet app.dll', 'the image has no folder "/gone"'],
    ['cd - && dotnet app.dll', 'it changes to "-"'],
    ['cd sub/../sub && dotnet app.dll', 'it changes to "sub/../sub"'],
  ])('says of %j that %s', (script, problem) => {
    expect(read(script)).toBe(problem);
  });

  test('refuses a script when its words would be longer than Linux takes', () => {
    const long = new Map([['X', 'x'.repeat(1 << 20)]]);
    const place = { env: long, parameters: [], isFolder: () => false };
    expect(readSimpleCommand('dotnet "$X$X$X$X"', place)).toBe('its words are too long');
    expect(readSimpleCommand('dotnet $X $X $X', place)).toBe('its words are too long');
  });
});

describe('readSimpleCommand and the shells of this machine', () => {
  let folder = '';
  const shells = ['sh', 'bash'].filter((name) => findProgram(name) !== undefined);
  const own = /^(?:PWD|OLDPWD|SHLVL|_)=/;

  beforeAll(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'osv-convert-shell-')));
    for (const name of ['bin', 'work', 'work/sub', 'work/sub/a b']) mkdirSync(join(folder, name));
    writeFileSync(join(folder, 'work/app.dll'), '');
    writeProgram(
      join(folder, 'bin/dotnet'),
      '#!/bin/sh\nprintf "%s\\0" "$#" "$@" "$(pwd -P)"\nexec cat /proc/$$/environ\n',
    );
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const name = fc.constantFrom('APP_DLL', 'PORT', 'EMPTY', 'TWO', 'GLOB', 'SIGNS', 'GONE', 'A');
  const piece = fc.oneof(
    fc.constantFrom(
      'app',
      '.dll',
      '--urls',
      '=',
      ':',
      '/',
      'a=b',
      '#',
      '!',
      ']',
      '%',
      '@',
      ',',
      '+',
      '^',
      'é',
      '-',
    ),
    fc.constantFrom(
      '*',
      '?',
      '[',
      'http://*:80',
      '~',
      '{',
      '}',
      '\\',
      '&',
      ';',
      '$',
      '`',
      '>',
      '|',
    ),
    fc.stringMatching(/^[ -&(-~]{0,5}$/).map((text) => `'${text}'`),
    fc.stringMatching(/^[ !#%-[\]-_a-~]{0,5}$/).map((text) => `"${text}"`),
    name.map((one) => `$${one}`),
    name.map((one) => `\${${one}}`),
    name.map((one) => `"x $${one}\${${one}}"`),
  );
  const word = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.array(piece, { minLength: 1, maxLength: 3 }).map((all) => all.join('')),
    },
    fc.constant('"$@"'),
  );
  const assignment = fc
    .tuple(fc.constantFrom('A', 'B', 'PORT', 'TWO'), fc.array(piece, { maxLength: 2 }))
    .map(([variable, value]) => `${variable}=${value.join('')}`);
  const script = fc
    .tuple(
      fc.constantFrom(
        '',
        '',
        'cd sub && ',
        'cd "sub/a b" && ',
        'cd ./sub/ && ',
        'cd .. && ',
        'cd gone && ',
      ),
      fc.array(assignment, { maxLength: 2 }),
      fc.constantFrom(
        'dotnet',
        'exec dotnet',
        'dotnet app.dll',
        'exec  dotnet $APP_DLL',
        "'dotnet'",
      ),
      fc.array(word, { maxLength: 3 }),
    )
    .map(
      ([change, assignments, start, words]) =>
        `${change}${[...assignments, start, ...words].join(' ')}`,
    );

  test.each(shells)('run the same program in the same place when the shell is %s', (shell) => {
    const given = { ...Object.fromEntries(env), PATH: `${join(folder, 'bin')}:/usr/bin:/bin` };
    const work = join(folder, 'work');
    const parameters = ['--one', 'two  words', '*'];
    let compared = 0;
    // Bash reads files of its user's when its input is a socket.
    const run = (text: string): readonly string[] =>
      execFileSync(shell, ['-c', text, 'name', ...parameters], {
        cwd: work,
        env: given,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      }).split('\0');
    fc.assert(
      fc.property(script, (text) => {
        const simple = readSimpleCommand(text, {
          env: new Map(Object.entries(given)),
          parameters,
          isFolder: (path, directory) =>
            ['work', 'work/sub', 'work/sub/a b', '.'].some(
              (one) => join(folder, one) === join(work, directory ?? '', path).replace(/\/$/, ''),
            ),
        });
        if (typeof simple === 'string') return;
        compared += 1;
        const [program, ...args] = simple.words;
        const [count, ...told] = run(text);
        expect(program).toBe('dotnet');
        expect([...told.slice(0, Number(count))]).toEqual(args);
        expect(told[Number(count)]).toBe(join(work, simple.directory ?? '').replace(/\/$/, ''));
        const variables = Object.entries({ ...given, ...Object.fromEntries(simple.assignments) });
        expect(
          told
            .slice(Number(count) + 1)
            .filter((one) => one !== '' && !own.test(one))
            .sort(),
        ).toEqual(variables.map((pair) => pair.join('=')).sort());
      }),
      { numRuns: 250, seed: 11 },
    );
    expect(compared).toBeGreaterThan(40);
  });
});
