import { describe, expect, it } from 'vitest';
import type { Config, Mirror } from '../../../src/config.ts';
import type { ConvertEvent } from '../../../src/event.ts';
import { pull } from '../../../src/pull/pull.ts';
import type { BuiltImage } from '../../support/image.ts';
import { instantPace } from '../../support/pace.ts';
import type { Registry } from '../../support/registry/registry.ts';
import { amd64, asked, at, blobsOf, both, emptyStore, start } from './pulling.ts';

/** The configuration in which the registry has these mirrors. */
const behind = ({ host }: Registry, ...mirrors: readonly Mirror[]): Config => ({
  mirrors: { [host]: mirrors },
});

/** What is asked for when all of the image is fetched. */
const everyBlob = (image: BuiltImage): readonly string[] =>
  [...image.layers.map(({ descriptor }) => descriptor), image.config]
    .map(({ digest }) => `blobs/${digest}`)
    .sort();

describe('pull with mirrors', () => {
  it('asks a mirror first, below its prefix, and the registry for nothing when it has all', async () => {
    const [registry, store] = [await start(), await emptyStore()];
    const mirror = await start([], { 'hub/app:1.0': both });
    const config = behind(registry, { location: `${mirror.host}/hub` });
    const image = await pull(store, `${registry.host}/app:1.0`, at({ config }));
    expect(image).toMatchObject({
      name: `${registry.host}/app:1.0`,
      descriptor: { digest: amd64.root.digest },
    });
    expect(registry.requests).toEqual([]);
    expect(mirror.requests.every(({ path }) => path.startsWith('/v2/hub/app/'))).toBe(true);
  });

  it('reaches a mirror by its own scheme, not by that of the registry', async () => {
    const [registry, mirror] = [await start(), await start()];
    const name = `${registry.host}/app:1.0`;
    const pullBy = async (change: Partial<Mirror>) =>
      await pull(await emptyStore(), name, {
        config: behind(registry, { location: mirror.host, ...change }),
        registry: { pace: instantPace(), plainHttp: false },
      });
    expect((await pullBy({})).descriptor.digest).toBe(amd64.root.digest);
    expect((await pullBy({ plainHttp: true })).descriptor.digest).toBe(amd64.root.digest);
    await expect(pullBy({ plainHttp: false })).rejects.toMatchObject({ code: 'REGISTRY_TLS' });
  });

  it('takes what a mirror says a tag means as it is', async () => {
    const [registry, store] = [await start(), await emptyStore()];
    const stale = await start([], { 'app:2.0': both });
    const config = behind(registry, { location: stale.host });
    const image = await pull(store, `${registry.host}/app:2.0`, at({ config }));
    expect(image.descriptor.digest).toBe(amd64.root.digest);
  });

  it('asks a digest-only mirror for content by digest, never for a tag', async () => {
    const [registry, mirror, store] = [await start(), await start(), await emptyStore()];
    const config = behind(registry, { location: mirror.host, digestOnly: true });
    await pull(store, `${registry.host}/app:1.0`, at({ config }));
    expect(asked(registry)).toEqual(['manifests/1.0']);
    expect(asked(mirror)).not.toContain('manifests/1.0');
    expect(blobsOf(mirror)).toEqual(everyBlob(amd64));

    const pinned = `${registry.host}/app@${both.root.digest}`;
    await pull(await emptyStore(), pinned, at({ config }));
    expect(asked(registry)).toEqual(['manifests/1.0']);
  });

  it.each([
    ['is not there', [{ on: 'manifest', flaw: { kind: 'status', status: 404 } }]],
    ['is denied', [{ on: 'manifest', flaw: { kind: 'status', status: 403 } }]],
    ['fails', [{ on: 'manifest', flaw: { kind: 'status', status: 500 } }]],
    ['has no blob', [{ on: 'blob', flaw: { kind: 'status', status: 404 } }]],
    ['cuts blobs short', [{ on: 'blob', flaw: { kind: 'truncate', to: 10 } }]],
  ] as const)('goes on to the next with one warning when a mirror %s', async (_how, faults) => {
    const [registry, store] = [await start(), await emptyStore()];
    const [bad, good] = [await start(faults), await start()];
    const config = behind(registry, { location: bad.host }, { location: good.host });
    const warnings: string[] = [];
    const onEvent = (event: ConvertEvent) => {
      if (event.event === 'warning' && !event.text.endsWith('trying again'))
        warnings.push(event.text);
    };
    const image = await pull(store, `${registry.host}/app:1.0`, at({ config, onEvent }));
    expect(image.descriptor.digest).toBe(amd64.root.digest);
    expect(warnings).toEqual([expect.stringContaining(`going on without mirror ${bad.host}`)]);
    expect(registry.requests).toEqual([]);
    expect(good.requests).not.toEqual([]);
  });

  it('goes on at the next byte of a blob when a mirror dies in the middle of it', async () => {
    const [registry, store] = [await start(), await emptyStore()];
    const layer = amd64.layers[0]?.descriptor.digest ?? '';
    const broken = await start([
      { on: 'blob', path: layer, times: 1, flaw: { kind: 'drop', after: 40 } },
      { on: 'blob', path: layer, flaw: { kind: 'wrong-range' } },
    ]);
    const config = behind(registry, { location: broken.host });
    await pull(store, `${registry.host}/app:1.0`, at({ config }));
    const rest = registry.requests.filter(({ path }) => path.endsWith(`/blobs/${layer}`));
    expect(rest.map(({ headers }) => headers.range)).toEqual(['bytes=40-']);
  });

  it.each([
    ['a blob', 'blob'],
    ['a manifest', 'manifest'],
  ] as const)('ends when a mirror gives other bytes for %s', async (_what, on) => {
    const [registry, store] = [await start(), await emptyStore()];
    const forger = await start([{ on, path: 'sha256:', flaw: { kind: 'corrupt' } }]);
    const config = behind(registry, { location: forger.host });
    const pulling = pull(store, `${registry.host}/app:1.0`, at({ config }));
    await expect(pulling).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    expect(await store.refs.list()).toEqual([]);
  });
});
