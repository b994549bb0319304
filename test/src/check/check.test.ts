import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { addKernel } from '../../../src/osv/kernels.ts';
import { helloImage } from '../../support/hello-image.ts';
import { writeLayout } from '../../support/layout.ts';
import { top } from '../../support/top.ts';
import { singleFile } from '../dotnet/image-builder.ts';
import { fakeKernelElf } from '../osv/fake-kernel.ts';
import { checkImage, folder, store, unusual, usual } from './checked.ts';
import { depsJson, imageOf } from './defects.ts';

const invariant = JSON.stringify({
  runtimeOptions: { configProperties: { 'System.Globalization.Invariant': true } },
});

/** An app of the corpus. */
function compiled(name: string): Promise<Uint8Array> {
  return readFile(join(top, `fixtures/apps/defects/${name}/${name}.dll`));
}

describe('check', () => {
  it.each([false, true])(
    'reads the assemblies inside of single-file apps, compressed: %j (DOTNET.md 7)',
    async (deflated) => {
      const program = singleFile(6, [
        { path: 'app.runtimeconfig.json', type: 4, bytes: invariant },
        { path: 'app.dll', type: 1, bytes: await compiled('process-start'), deflated },
        { path: 'Some.Library.dll', type: 1, bytes: await compiled('named-mutex'), deflated },
        { path: 'app.deps.json', type: 3, bytes: depsJson('app', 'Some.Library') },
        { path: 'System.Damaged.dll', type: 1, bytes: 'MZ', deflated },
      ]);
      const checked = await checkImage(
        await imageOf({
          files: { 'nothing.dll': null, app: program },
          config: { Entrypoint: ['/app/app'] },
        }),
      );
      expect(unusual(checked)).toEqual(['warning process-start', 'note named-mutex']);
      expect(checked.findings[0]?.evidence.file).toBe('/app/app!app.dll');
    },
  );

  it.each([
    ['cryptography', 'warning missing-openssl', /SHA256$/],
    ['data-protection', 'warning missing-openssl', /AddAuthentication$/],
    ['nothing', undefined, /^$/],
  ])(
    'tells of OpenSSL that is missing where it is used: %s (DOTNET.md 4.2)',
    async (name, wanted, found) => {
      const program = singleFile(6, [
        { path: 'app.runtimeconfig.json', type: 4, bytes: invariant },
        { path: 'app.dll', type: 1, bytes: await compiled(name) },
        { path: 'app.deps.json', type: 3, bytes: depsJson('app') },
      ]);
      const checked = await checkImage(
        await imageOf({
          files: { 'nothing.dll': null, app: program },
          openssl: false,
          config: { Entrypoint: ['/app/app'] },
        }),
      );
      const told = checked.findings.find(({ rule }) => rule === 'missing-openssl');
      expect(told && `${told.severity} ${told.rule}`).toBe(wanted);
      expect(told?.evidence.found ?? '').toMatch(found);
    },
  );

  it('says of a Native AOT app that its calls are not seen (OSV.md 9.3)', async () => {
    const checked = await checkImage(await helloImage());
    const told = checked.findings.map(({ severity, rule }) => `${severity} ${rule}`).sort();
    expect(told).toEqual([...usual, 'note native-code-unseen', 'note user-lost'].sort());
    expect(checked.app).toMatchObject({ kind: 'native-aot' });
  });

  it('finds in a library as a note what in the app is a warning', async () => {
    const library = await compiled('process-start');
    const checked = await checkImage(
      await imageOf({
        files: {
          'Some.Library.dll': library,
          'nothing.deps.json': depsJson('nothing', 'Some.Library'),
        },
      }),
    );
    expect(unusual(checked)).toEqual(['note process-start']);
  });

  it('looks for the defects of plugins below the app, which are libraries', async () => {
    const checked = await checkImage(
      await imageOf({
        app: 'plugins',
        files: { 'plugins/plugin.dll': await compiled('process-start') },
      }),
    );
    expect(unusual(checked)).toEqual(['note process-start', 'note plugins']);
  });

  it('finds functions of the C library that the kernel lacks', async () => {
    const symbols = [{ name: 'malloc', defined: true }];
    await addKernel(store, [{ name: 'k', bytes: fakeKernelElf({ symbols }) }], { name: 'poor' });
    const { findings } = await checkImage(await imageOf({ app: 'missing-function' }), {
      kernel: 'poor',
    });
    const found = findings.filter(({ rule }) => rule === 'missing-import');
    expect(found.map(({ severity, evidence }) => `${severity} ${evidence.found}`)).toEqual([
      'warning libc!quotactl',
    ]);
  });

  it('fails for a runtime that is not as it was asked for, and tells of no finding', async () => {
    const other = join(folder, 'without-dotnet');
    await writeLayout(other, 'app', await helloImage());
    for (const [runtime, message] of [
      ['runtime/nope', 'wanted runtime/nope'],
      [join(folder, 'nowhere'), 'found nothing there'],
      [folder, 'found no .NET there'],
      [`oci:${other}:app`, 'found no .NET in that image'],
    ] as const) {
      const defects = [{}, { config: { Entrypoint: ['/usr/bin/python3'] } }];
      for (const defect of defects) {
        await expect(checkImage(await imageOf(defect), { runtime })).rejects.toMatchObject({
          code: 'RUNTIME_NOT_FOUND',
          message: expect.stringContaining(message),
        });
      }
    }
    await expect(
      checkImage(await imageOf({}), { runtime: `oci:${folder}/nowhere:app` }),
    ).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' });
  });

  it('tells of the kernel what is known of it, without the usual note', async () => {
    const symbols = [{ name: 'malloc', defined: true }];
    await addKernel(
      store,
      [{ name: 'k', bytes: fakeKernelElf({ version: 'v0.57.0', symbols, limits: [] }) }],
      {
        name: 'old',
      },
    );
    const checked = await checkImage(await imageOf({}), { kernel: 'old' });
    expect(checked.kernel).toMatchObject({ name: 'old', version: 'v0.57.0' });
    const rules = new Set(checked.findings.map(({ rule }) => rule));
    expect(rules).toContain('kernel-timers');
    expect(rules).toContain('missing-symbol');
    expect(rules).not.toContain('kernel-unknown');
    await expect(checkImage(await imageOf({}), { kernel: 'none' })).rejects.toMatchObject({
      code: 'KERNEL_NOT_FOUND',
    });
  });
});
