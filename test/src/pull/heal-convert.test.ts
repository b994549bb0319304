import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { convert } from '../../../src/convert.ts';
import { addKernel } from '../../../src/osv/kernels.ts';
import { pull } from '../../../src/pull/pull.ts';
import { type Digest, digestOf, openStore, StoreError } from '../../../store/index.ts';
import { startRegistry } from '../../support/registry/registry.ts';
import { fakeLoader } from '../osv/fake-kernel.ts';
import {
  blobPath,
  build,
  copied,
  damaged,
  everyFileOf,
  filesInUse,
  flip,
  folder,
  image,
  kinds,
  layerPath,
  lose,
  name,
  newPath,
  registry,
  told,
  wanted,
  warnings,
} from './healed-image.ts';

describe('convert', () => {
  it.each(kinds)('gives the same bytes when it finds %s', async (kind) => {
    const { store } = await damaged(kind);
    expect(await build(store)).toBe(wanted);
    // What was mended is sound from then on.
    const asked = registry.requests.length;
    warnings.splice(0);
    expect(await build(store, { offline: true })).toBe(wanted);
    expect([registry.requests.length - asked, warnings]).toEqual([0, []]);
  });

  it.each(kinds)('names the digest when it may not fetch and finds %s', async (kind) => {
    for (const policy of [{ offline: true }, { pull: 'never' }] as const) {
      const { store, digest } = await damaged(kind);
      const asked = registry.requests.length;
      await expect(build(store, policy)).rejects.toMatchObject({
        message: expect.stringContaining(digest),
        hint: expect.stringMatching(/^osv-convert pull .*hello:1$/),
      });
      expect(registry.requests).toHaveLength(asked);
    }
  });

  it.each([
    ['a flipped file of a layer', 'tar', flip],
    ['a lost tar', 'tar', lose],
    ['a flipped index', 'index', flip],
    ['a lost index', 'index', lose],
    ['a lost layer of which the blob is there', '', lose],
  ])('asks nobody when it finds %s', async (_kind, part, harm) => {
    for (const layer of image.layers) {
      const store = await copied();
      await harm(store, layerPath(layer.diffID, part));
      expect(await build(store, { offline: true })).toBe(wanted);
      await build(store, { offline: true });
      expect(warnings.length).toBeLessThanOrEqual(1);
      warnings.splice(0);
    }
  });

  it('mends a flipped bit wherever it is, or does without the file', async () => {
    const places = [0, 0.02, 0.1, 0.37, 0.6, 0.9, 0.9999];
    for (const path of await everyFileOf(await copied())) {
      const store = await copied();
      for (const place of places) {
        await flip(store, path, place);
        expect([path, place, await build(store)]).toEqual([path, place, wanted]);
      }
    }
  });

  it('tells what it mended', async () => {
    const store = await copied();
    const { app, config } = filesInUse();
    await flip(store, layerPath(app.diffID, 'tar'));
    await flip(store, blobPath(config));
    await build(store);
    expect(warnings).toEqual([
      expect.stringMatching(new RegExp(`${config}; fetched it anew$`)),
      expect.stringMatching(/"app\/hello-aot" of layer .*; mended it from what the store has$/),
    ]);
  });

  it('names what was found and what was wanted once when it may not fetch', async () => {
    const { store, digest } = await damaged('a flipped manifest');
    const failure = await build(store, { offline: true }).catch((error: unknown) => error);
    if (!(failure instanceof StoreError)) throw new Error('the store is damaged');
    expect(failure.code).toBe('STORE_CORRUPT');
    const path = join(store.path, blobPath(digest));
    const said = [...warnings, failure.message].join('\n').replace(path, 'PATH');
    expect(said).toMatch(new RegExp(`^reading PATH: found sha256:\\w+, wanted ${digest}`));
    expect(said.match(/sha256:/g)).toHaveLength(2);
  });

  it('finds damage behind what looks like the fault of the image', async () => {
    const store = await copied();
    const { app } = filesInUse();
    const tar = await readFile(join(store.path, layerPath(app.diffID, 'tar')));
    // A flipped magic number: no program is found in the image then.
    await flip(store, layerPath(app.diffID, 'tar'), (tar.indexOf('\x7fELF') + 0.5) / tar.length);
    expect(await build(store)).toBe(wanted);
    await flip(store, layerPath(app.diffID, 'tar'), (tar.indexOf('\x7fELF') + 0.5) / tar.length);
    await lose(store, blobPath(app.descriptor.digest));
    await expect(build(store, { offline: true })).rejects.toMatchObject({
      code: 'STORE_CORRUPT',
      digest: app.diffID,
    });
  });

  it('fetches what a name in the store lacks from where it came from', async () => {
    const { store } = await damaged('a lost layer');
    const disk = newPath('disk');
    const usual = { ...told(), format: 'raw', boot: 'direct', hostEnv: {} } as const;
    await convert(store, `store:${name}`, disk, usual);
    expect(digestOf(await readFile(disk))).toBe(wanted);
  });

  it('names digest and registry when that is gone', async () => {
    const gone = await startRegistry({ images: { 'hello:1': image } });
    const store = await openStore(join(folder, 'gone'));
    const reference = `${gone.host}/hello:1`;
    await pull(store, reference, told());
    await gone.close();
    const { config } = filesInUse();
    await flip(store, blobPath(config));
    const usual = { ...told(), format: 'raw', boot: 'direct', hostEnv: {} } as const;
    await expect(convert(store, reference, join(folder, 'no'), usual)).rejects.toMatchObject({
      code: 'STORE_CORRUPT',
      digest: config,
      message: expect.stringMatching(new RegExp(`${config}.*; mending it: .*${gone.host}`)),
    });
  });

  it('tells of the damage when the registry gives other bytes than it did', async () => {
    const { config } = filesInUse();
    const liar = await startRegistry({
      images: { 'hello:1': image },
      faults: [{ on: 'blob', path: config, flaw: { kind: 'corrupt' } }],
    });
    const store = await openStore(join(folder, 'liar'));
    await expect(pull(store, `${liar.host}/hello:1`, told())).rejects.toMatchObject({
      code: 'DIGEST_MISMATCH',
    });
    // Nothing of the store was damaged: nobody was asked again.
    expect(liar.requests.filter(({ path }) => path.endsWith(config))).toHaveLength(1);
    expect(warnings).toEqual([]);
    await liar.close();
  });

  it('says how to bring in a kernel again when its file is damaged', async () => {
    const store = await copied();
    const files = [{ name: 'loader.img', bytes: fakeLoader() }];
    const kernel = await addKernel(store, files, { name: 'mine' });
    await flip(store, blobPath(kernel.loader?.digest as Digest));
    await expect(build(store, { boot: 'bios' })).rejects.toMatchObject({
      code: 'STORE_CORRUPT',
      digest: kernel.loader?.digest,
      hint: expect.stringMatching(/^osv-convert kernel rm mine\nosv-convert kernel add /),
    });
  });
});
