import { describe, expect, test } from 'vitest';
import { parseHostJson } from '../../../src/dotnet/json.ts';
import { readAssembly } from '../../../src/dotnet/metadata/assembly.ts';
import type { ExecutionConfig } from '../../../src/oci/config.ts';
import { accessOf } from '../rofs/image.ts';
import { peOf, rootOf } from './assembly-builder.ts';
import { core, describeImage, failureOf, managed, singleFile } from './image-builder.ts';

/** A few times what these take on a slow machine; without its cap each takes minutes, or all memory. */
const limit = 30_000;

const shell = (script: string, parameters: readonly string[] = []) => ({
  Entrypoint: ['/bin/sh', '-c', script].concat(parameters),
});

const many = (text: string, count: number): string[] => new Array<string>(count).fill(text);

const app = managed('app', { framework: core('10.0.0') });

describe('describeApp', () => {
  test.each<[string, Partial<ExecutionConfig>]>([
    ['a script is longer than any argument', shell(`dotnet ${'a'.repeat(1 << 22)}`)],
    ['a script has a long run of blanks', shell(`dotnet${' '.repeat(120_000)}/app/app.dll;`)],
    ['a script changes to a long name', shell(`cd ${'a'.repeat(120_000)} && dotnet app.dll`)],
    ['a script changes through many folders', shell(`cd ${'a/'.repeat(60_000)} && dotnet app.dll`)],
    [
      'a script repeats a long variable in quotes',
      { ...shell(`dotnet "${'$A'.repeat(60_000)}"`), Env: [`A=${'x'.repeat(1 << 20)}`] },
    ],
    [
      'a script repeats many parameters',
      shell('dotnet "$@" '.repeat(10_000), ['sh'].concat(many('', 10_000))),
    ],
    [
      'a script of many commands has many variables',
      { ...shell('a;'.repeat(50_000)), Env: many('', 200_000).map((_, at) => `V${at}=`) },
    ],
  ])('refuses a shell at once when %s', { timeout: limit }, (_what, config) => {
    const { code, message } = failureOf(() => describeImage(app, config));
    expect(code).toBe('SHELL_ENTRYPOINT');
    expect(message.length).toBeLessThan(6000);
  });

  test.each<[string, Partial<ExecutionConfig>]>([
    ['init programs start each other', { Entrypoint: many('tini', 200_000) }],
    [
      'a long name is looked for in many folders',
      { Entrypoint: ['d'.repeat(500_000)], Env: [`PATH=${':'.repeat(500_000)}`] },
    ],
    ['dotnet gets many words', shell('dotnet "$@"', ['sh'].concat(many('', 400_000)))],
  ])('finds no app at once when %s', { timeout: limit }, (_what, config) => {
    const { code, message } = failureOf(() => describeImage(app, config));
    expect(code).toBe('APP_NOT_FOUND');
    expect(message.length).toBeLessThan(6000);
  });

  test('starts the app when init programs start it, a few deep', () => {
    const config = { Entrypoint: ['tini', '--', 'dumb-init', 'dotnet', '/app/app.dll'] };
    expect(describeImage(app, config).assembly).toBe('/app/app.dll');
  });
});

describe('parseHostJson', () => {
  test('refuses more values than any file of .NET has', { timeout: limit }, () => {
    const objects = Buffer.from(`[${'{},'.repeat(5_000_000)}0]`);
    expect(() => parseHostJson(objects)).toThrow(/wanted at most 500000 values/);
  });
});

describe('readAssembly', () => {
  const header = Buffer.alloc(24);
  // The tables Module and TypeRef.
  header.writeBigUInt64LE(0b11n, 8);

  /** An assembly with `count` references to types that all have the same name. */
  function withTypes(count: number, name: string): Buffer {
    const counts = Buffer.alloc(8);
    counts.writeUInt32LE(1, 0);
    counts.writeUInt32LE(count, 4);
    // So many rows make their own numbers four bytes wide.
    const type = Buffer.alloc(8);
    type.writeUInt16LE(1, 4);
    const rows = [Buffer.alloc(10), Buffer.concat(many('', count).map(() => type))];
    const metadata = rootOf([
      ['#~', Buffer.concat([header, counts, ...rows])],
      ['#Strings', Buffer.from(`\0${name}\0\0`)],
    ]);
    return Buffer.from(peOf(metadata));
  }

  test('reads the types when there are many', () => {
    const { types } = readAssembly(accessOf(withTypes(20_000, 'Name'))) ?? { types: [] };
    expect(types).toHaveLength(20_000);
    expect(types[19_999]).toBe('Name');
  });

  test.each([
    ['many types share a long name', 20_000, 'a'.repeat(60_000)],
    ['there are more types than in any assembly', 300_000, ''],
  ])('gives undefined when %s', { timeout: limit }, (_what, count, name) => {
    expect(readAssembly(accessOf(withTypes(count, name)))).toBeUndefined();
  });
});

describe('readBundle', () => {
  test.each([
    ['', 'lies outside'],
    ['/etc/passwd', 'lies outside'],
    ['a/../b', 'lies outside'],
    ['a//b', 'lies outside'],
    ['./a', 'lies outside'],
    ['a/', 'lies outside'],
    ['a\0b', 'has a NUL'],
  ])('refuses a bundle when a file in it is called %j', (path, problem) => {
    const bytes = singleFile(6, [{ path, type: 2, bytes: 'ELF' }]);
    const { code, message } = failureOf(() =>
      describeImage({ '/app/app': bytes }, { Cmd: ['/app/app'] }),
    );
    expect(code).toBe('APP_INVALID');
    expect(message).toContain(problem);
  });
});
