import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CommandLine, encodeCommandLine } from '../../../src/osv/command-line.ts';
import { maxCommandLine } from '../../../src/osv/loader-layout.ts';
import { encodeName } from '../../../store/index.ts';
import { understand } from './kernel-parser.ts';

function lineOf(
  parts: Partial<CommandLine> & { env?: readonly (readonly [string, string])[] },
): CommandLine {
  return {
    options: { rootfs: 'rofs', env: parts.env ?? [], ...parts.options },
    program: parts.program ?? '/app/hello',
    args: parts.args ?? [],
    stopThreads: parts.stopThreads ?? false,
  };
}

function encode(parts: Parameters<typeof lineOf>[0]): string {
  return Buffer.from(encodeCommandLine(lineOf(parts))).toString('utf8');
}

/** One character a byte, as the model of the kernel reads it. */
function bytesOf(text: string): string {
  return Buffer.from(encodeName(text)).toString('latin1');
}

function failureOf(parts: Parameters<typeof lineOf>[0]): unknown {
  try {
    return encode(parts);
  } catch (error) {
    return error;
  }
}

describe('encodeCommandLine', () => {
  it('writes options, environment and program in this order', () => {
    const text = encode({
      options: {
        rootfs: 'rofs',
        verbose: true,
        powerOffOnAbort: true,
        console: 'serial',
        env: [
          ['DOTNET_EnableDiagnostics', '0'],
          ['HOME', '/tmp'],
        ],
        cwd: '/app',
      },
      program: '/usr/share/dotnet/dotnet',
      args: ['/app/hello.dll', '--name', 'x=1'],
      stopThreads: true,
    });
    expect(text).toBe(
      '--rootfs=rofs --verbose --power-off-on-abort --console=serial --env=DOTNET_EnableDiagnostics=0 ' +
        '--env=HOME=/tmp --cwd=/app /usr/share/dotnet/dotnet /app/hello.dll --name x=1 !',
    );
  });

  it.each([
    ['a blank', ['a b'], '"a b"'],
    ['nothing', ['', 'x'], '"" x'],
    ['a separator', ['url=?a=1&b=2', 'x;y', 'no!'], '"url=?a=1&b=2" "x;y" "no!"'],
    ['quotes', ['say "hi"', "it's"], String.raw`"say \"hi\"" it's`],
    ['a backslash', [String.raw`c\d`], String.raw`"c\\d"`],
    ['control characters', ['\t\n\r\v\f\b\x07'], String.raw`"\t\n\r\v\f\b\a"`],
  ])('quotes a word with %s', (_, args, wanted) => {
    expect(encode({ args })).toBe(`--rootfs=rofs /app/hello ${wanted}`);
  });

  it('carries words with a dollar or outside ASCII in variables named by their index', () => {
    expect(encode({ args: ['pa$$w$x', 'plain', '/žluť dir'] })).toBe(
      '--rootfs=rofs --env=OSV_CONVERT_ARG_1=pa$$w$x --env=OSV_CONVERT_ARG_3=/žluť\\ dir ' +
        '/app/hello $OSV_CONVERT_ARG_1 plain $OSV_CONVERT_ARG_3',
    );
  });

  it('names no carrier like a variable of the app', () => {
    const env = [
      ['OSV_CONVERT_ARG_1', 'mine'],
      ['OSV_CONVERT_ARG_1_', 'mine too'],
    ] as const;
    expect(encode({ env, args: ['$'] })).toBe(
      '--rootfs=rofs --env=OSV_CONVERT_ARG_1=mine --env=OSV_CONVERT_ARG_1_=mine\\ too ' +
        '--env=OSV_CONVERT_ARG_1__=$ /app/hello $OSV_CONVERT_ARG_1__',
    );
  });

  it('escapes what ends or escapes an option, and keeps an empty value', () => {
    expect(
      encode({
        env: [
          ['A B', 'c\\d\te\nf "g" $h ;&!'],
          ['EMPTY', ''],
        ],
      }),
    ).toBe('--rootfs=rofs --env=A\\ B=c\\\\d\\\te\\\nf\\ "g"\\ $h\\ ;&! --env=EMPTY= /app/hello');
  });

  it('keeps bytes that are not UTF-8', () => {
    const bytes = encodeCommandLine(lineOf({ args: ['\udcff\udc80'] }));
    expect(Buffer.from(bytes).toString('latin1')).toBe(
      '--rootfs=rofs --env=OSV_CONVERT_ARG_1=\xff\x80 /app/hello $OSV_CONVERT_ARG_1',
    );
  });

  it.each<[string, Parameters<typeof lineOf>[0]]>([
    ['a NUL in a word', { args: ['a\0b'] }],
    ['a NUL in the environment', { env: [['A', '\0']] }],
    ['half a surrogate pair', { args: ['\ud800'] }],
    ['an environment variable without a name', { env: [['', 'x']] }],
    ['a name with an equals sign', { env: [['a=b', 'x']] }],
    ['a relative program', { program: 'hello' }],
    ['an empty working directory', { options: { rootfs: 'rofs', env: [], cwd: '' } }],
    ['more bytes than the boot sector loads', { args: ['x'.repeat(maxCommandLine)] }],
  ])('refuses %s', (_, parts) => {
    expect(failureOf(parts)).toMatchObject({
      code: 'COMMAND_LINE_INEXPRESSIBLE',
      message: expect.stringMatching(/^writing the command line: .*wanted /),
    });
  });

  it('takes a line of exactly the bytes the boot sector loads', () => {
    const rest = encode({ args: ['x'] }).length - 1;
    expect(encode({ args: ['x'.repeat(maxCommandLine - rest)] })).toHaveLength(32_255);
  });

  it('says to the kernel exactly what was given, for any text', () => {
    const character = fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(...' \t\n\r\v\f\\"\'$!&;-=/#~*?{}()<>|`') },
      { weight: 4, arbitrary: fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 1 }) },
      {
        weight: 2,
        arbitrary: fc.constantFrom('\x01', '\x7f', 'é', '日', '🙂', '\udc80', '\udcff'),
      },
    );
    const text = fc.array(character, { maxLength: 12 }).map((parts) => parts.join(''));
    const name = text.map((one) => `N${one.replaceAll('=', '')}`);
    const line = fc.record({
      program: text.map((one) => `/${one}`),
      args: fc.array(text, { maxLength: 6 }),
      env: fc.uniqueArray(fc.tuple(name, text), { selector: ([one]) => one, maxLength: 5 }),
      cwd: text.map((one) => `/${one}`),
      stopThreads: fc.boolean(),
    });
    fc.assert(
      fc.property(line, ({ program, args, env, cwd, stopThreads }) => {
        const bytes = encodeCommandLine({
          options: { rootfs: 'rofs', env, cwd },
          program,
          args,
          stopThreads,
        });
        const understood = understand(Buffer.from(bytes).toString('latin1'));
        expect(understood?.commands).toEqual([
          { words: [program, ...args].map(bytesOf), end: stopThreads ? '!' : '' },
        ]);
        const carried = [...(understood?.env ?? [])].slice(env.length);
        expect([...(understood?.env ?? [])].slice(0, env.length)).toEqual(
          env.map((pair) => pair.map(bytesOf)),
        );
        expect(carried.every(([one]) => one.startsWith('OSV_CONVERT_ARG_'))).toBe(true);
        expect(new Map(understood?.options).get('cwd')).toBe(bytesOf(cwd));
      }),
      { numRuns: 1000 },
    );
  });
});

describe('understand, the model of the kernel', () => {
  it.each([
    [
      'an argument cut at &',
      '--rootfs=rofs /a x&y',
      [
        { words: ['/a', 'x'], end: '&' },
        { words: ['y'], end: '' },
      ],
    ],
    ['an unknown escape kept', '/a c\\ d', [{ words: ['/a', 'c\\', 'd'], end: '' }]],
    ['an unknown variable', '/a x$NOPE', [{ words: ['/a', 'x'], end: '' }]],
  ])('reads %s as was measured', (_, line, commands) => {
    expect(understand(line)?.commands).toEqual(commands);
  });

  it.each(['/a \xe9', '--env= /a', '-x /a'])('fails as was measured on %j', (line) => {
    expect(understand(line)).toBeUndefined();
  });
});
