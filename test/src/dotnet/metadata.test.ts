import { readdirSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readAssembly, readImports } from '../../../src/dotnet/metadata/assembly.ts';
import type { SyncAccess } from '../../../src/tree/access.ts';
import { findProgram } from '../../support/docker-registry.ts';
import { top } from '../../support/top.ts';

function accessOf(bytes: Uint8Array): SyncAccess {
  return {
    size: bytes.length,
    read: (offset, length) => bytes.subarray(offset, offset + length),
  };
}

const consoleApp = readFileSync(join(top, 'fixtures/apps/console/publish/console.dll'));

describe('readAssembly', () => {
  test('tells identity, references and what is called of them', () => {
    const assembly = readAssembly(accessOf(consoleApp));
    expect(assembly).toMatchObject({ name: 'console', version: '1.0.0.0', readyToRun: 'no' });
    expect(assembly?.machine).toBe(0x14c);
    expect(assembly?.references).toContain('System.Console');
    expect(assembly?.types).toContain('System.Console');
    expect(assembly?.members.map(({ type, name }) => `${type}.${name}`)).toContain(
      'System.Console.WriteLine',
    );
    expect(assembly?.imports).toEqual([]);
  });

  test.each([
    ['an ELF', readFileSync(join(top, 'fixtures/apps/console/publish/console'))],
    ['nothing', new Uint8Array()],
    ['the beginning of one', consoleApp.subarray(0, 300)],
    ['one whose metadata is cut off', consoleApp.subarray(0, 1500)],
  ])('gives undefined when the file is %s', (_what, bytes) => {
    expect(readAssembly(accessOf(bytes))).toBeUndefined();
    expect(readImports(accessOf(bytes))).toBeUndefined();
  });

  test('gives an assembly or undefined when any bytes of one are changed', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(consoleApp.length - 1), fc.nat(255)), { minLength: 1 }),
        (changes) => {
          const bytes = Uint8Array.from(consoleApp);
          for (const [at, value] of changes) bytes[at] = value;
          const name = readAssembly(accessOf(bytes))?.name;
          expect(name === undefined || typeof name === 'string').toBe(true);
        },
      ),
      { numRuns: 2000, seed: 1 },
    );
  });

  const dotnet = findProgram('dotnet');

  test.skipIf(dotnet === undefined)(
    'reads every assembly of the runtimes that are installed',
    () => {
      const shared = join(dirname(realpathSync(dotnet ?? '')), 'shared');
      const names = readdirSync(shared, { recursive: true, encoding: 'utf8' });
      const files = names.filter((name) => name.endsWith('.dll'));
      expect(files.length).toBeGreaterThan(100);
      const imports = new Set<string>();
      for (const file of files) {
        const access = accessOf(readFileSync(join(shared, file)));
        const assembly = readAssembly(access);
        expect(readImports(access)).toEqual(assembly?.imports);
        expect(file).toContain(`${assembly?.name}.dll`);
        for (const { library } of assembly?.imports ?? []) imports.add(library);
      }
      expect([...imports]).toContain('libSystem.Native');
    },
  );
});
