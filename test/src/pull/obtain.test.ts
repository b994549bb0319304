import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { obtain, pull } from '../../../src/pull/pull.ts';
import { archiveOf, dockerMembers } from '../../support/archives.ts';
import { writeLayout } from '../../support/layout.ts';
import { amd64, asked, at, both, emptyStore, folder, later, moveTag, start } from './pulling.ts';

describe('obtain', () => {
  it('asks no registry for what the store has, unless always is the policy', async () => {
    const [registry, store] = [await start(), await emptyStore()];
    const name = `${registry.host}/app:1.0`;
    await obtain(store, name, at());
    const before = registry.requests.length;
    for (const options of [
      {},
      { pull: 'missing' },
      { pull: 'never' },
      { offline: true },
    ] as const) {
      expect((await obtain(store, name, at(options))).descriptor.digest).toBe(amd64.root.digest);
    }
    expect((await obtain(store, `store:${name}`, at())).descriptor.digest).toBe(amd64.root.digest);
    expect(registry.requests.length).toBe(before);

    await moveTag(registry);
    const moved = await obtain(store, name, at({ pull: 'always' }));
    expect(moved.descriptor.digest).not.toBe(amd64.root.digest);
  });

  it.each([
    ['offline', { offline: true }],
    ['never', { pull: 'never' }],
  ] as const)(
    'names what is missing and the command that gets it: %s',
    async (_policy, options) => {
      const [registry, store] = [await start(), await emptyStore()];
      const name = `${registry.host}/app:1.0`;
      await expect(obtain(store, name, at(options))).rejects.toMatchObject({
        code: 'OFFLINE',
        message: expect.stringContaining('found no image of that name for linux/amd64'),
        hint: `osv-convert pull --platform linux/amd64 ${name}`,
      });
      expect(registry.requests).toEqual([]);
      await pull(store, name, at({ platform: 'linux/arm64' }));
      await expect(obtain(store, name, at(options))).rejects.toMatchObject({ code: 'OFFLINE' });
      await expect(pull(store, name, at({ offline: true }))).rejects.toMatchObject({
        code: 'OFFLINE',
      });
    },
  );

  it('names the layer when the store has lost it, and pulls it again when it may', async () => {
    const [registry, store] = [await start(), await emptyStore()];
    const name = `${registry.host}/app:1.0`;
    await pull(store, name, at());
    const lost = amd64.layers[1];
    const at1 = (...parts: string[]) => join(store.path, ...parts);
    await rm(at1('layers/v2', (lost?.diffID ?? '').replace(':', '/')), { recursive: true });
    expect((await obtain(store, name, at({ offline: true }))).platform).toBe('linux/amd64');

    await rm(at1('layers/v2', (lost?.diffID ?? '').replace(':', '/')), { recursive: true });
    await rm(at1('blobs', (lost?.descriptor.digest ?? '').replace(':', '/')));
    await expect(obtain(store, name, at({ offline: true }))).rejects.toMatchObject({
      code: 'OFFLINE',
      message: expect.stringContaining(`found no layer ${lost?.descriptor.digest}`),
    });
    const before = registry.requests.length;
    await obtain(store, name, at());
    expect(asked(registry).slice(before)).toEqual([
      `manifests/${amd64.root.digest}`,
      `blobs/${lost?.descriptor.digest}`,
    ]);
  });

  it('reads a layout and an archive, offline, each time anew', async () => {
    const store = await emptyStore();
    const layout = join(folder, 'layout');
    await writeLayout(layout, 'app', both);
    const first = await obtain(store, `oci:${layout}:app`, at({ offline: true }));
    expect(first.descriptor.digest).toBe(amd64.root.digest);
    await writeLayout(layout, 'app', later);
    const second = await obtain(store, `oci:${layout}:app`, at({ offline: true }));
    expect(second.descriptor.digest).not.toBe(amd64.root.digest);

    const archive = join(folder, 'saved.tar');
    await writeFile(archive, archiveOf(dockerMembers([[['acme/app:1'], amd64]])));
    const third = await obtain(store, `docker-archive:${archive}`, at({ offline: true }));
    expect(third.layers.map(({ diffID }) => diffID)).toEqual(
      amd64.layers.map(({ diffID }) => diffID),
    );
  });
});
