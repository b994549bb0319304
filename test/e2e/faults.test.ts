import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorCodeOf } from '../../src/error.ts';
import { pull } from '../../src/pull/pull.ts';
import { hexOf, openStore } from '../../store/index.ts';
import { runCli } from '../support/cli.ts';
import { hastyPace } from '../support/pace.ts';
import type { Flaw } from '../support/registry/faults.ts';
import {
  type Registry,
  type RegistryOptions,
  startRegistry,
} from '../support/registry/registry.ts';
import { partialsIn, unsoundness } from '../support/sound-store.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { type End, encounters, image } from './encounters.ts';

const folder = temporaryFolder('faults');
let stores = 0;
/** Holds the image at an origin that refuses Authorization. */
let elsewhere: Registry;
const started: Registry[] = [];

beforeAll(async () => {
  elsewhere = await startRegistry({ images: { 'app:1': image }, dataHost: true });
});

afterAll(async () => {
  await Promise.all([elsewhere, ...started].map((registry) => registry.close()));
});

async function serve(options: Partial<RegistryOptions> = {}): Promise<Registry> {
  const registry = await startRegistry({ images: { 'app:1': image }, ...options });
  started.push(registry);
  return registry;
}

function newStore(): string {
  stores += 1;
  return join(folder, `store-${stores}`);
}

/** Pulls without waiting between tries, and takes less than 2 kB/s for a trickle. */
async function pullFrom({ host }: Registry, store: string): Promise<End> {
  const registry = { pace: hastyPace(), lowSpeed: { limit: 2000, time: 100 } };
  const opened = await openStore(store);
  try {
    await pull(opened, `${host}/app:1`, { registry });
    return 'success';
  } catch (error) {
    const code = errorCodeOf(error);
    if (code === undefined) throw error;
    return code;
  } finally {
    await opened.close();
  }
}

/** A pull from a registry without faults completes what is in the store, from where it stands. */
async function expectToHeal(store: string): Promise<void> {
  const partials = Object.entries(partialsIn(store));
  const healthy = await serve();
  expect(await pullFrom(healthy, store)).toBe('success');
  for (const [digest, size] of partials) {
    const first = healthy.requests.find(({ path }) => path.endsWith(`/${digest}`));
    expect(first?.headers.range).toBe(size === 0 ? undefined : `bytes=${size}-`);
  }
  expect(unsoundness(store)).toEqual([]);
  expect(partialsIn(store)).toEqual({});
  for (const digest of image.blobs.keys()) {
    expect(existsSync(join(store, 'blobs', 'sha256', hexOf(digest)))).toBe(true);
  }
}

describe('pull', () => {
  // Most of their time goes by while files are flushed to the disk.
  it.concurrent.each(encounters.map((encounter) => [encounter.name, encounter] as const))(
    '%s',
    async (_name, { end, registry, faults }) => {
      const faulty = await serve({ ...registry, faults: faults(elsewhere.dataOrigin ?? '') });
      const store = newStore();
      expect(await pullFrom(faulty, store)).toBe(end);
      expect(unsoundness(store)).toEqual([]);
      const names = (await (await openStore(store)).refs.list()).map(({ name }) => name);
      expect(names).toEqual(end === 'success' ? [`${faulty.host}/app:1`] : []);
      await expectToHeal(store);
    },
  );

  it('asks once for each blob when they come slowly, over many times the time of the limit', async () => {
    const flaw = { kind: 'trickle', bytes: 6000, pause: 20 } as const;
    const slow = await serve({ faults: [{ on: 'blob', flaw }] });
    const begun = Date.now();
    expect(await pullFrom(slow, newStore())).toBe('success');
    expect(Date.now() - begun).toBeGreaterThan(900);
    expect(new Set(slow.requests.map(({ path }) => path)).size).toBe(slow.requests.length);
  });
});

describe('osv-convert pull', () => {
  const status = (code: number, headers: Readonly<Record<string, string>> = {}): Flaw => ({
    kind: 'status',
    status: code,
    headers,
  });

  it('exits as documented and says what it found when a fault does not go away', async () => {
    const run = async (on: 'blob' | 'manifest', flaw: Flaw) => {
      const { host } = await serve({ faults: [{ on, path: 'sha256:', flaw }] });
      const store = newStore();
      const { code, stderr } = await runCli(['pull', `${host}/app:1`, '--store', store, '--quiet']);
      expect(unsoundness(store)).toEqual([]);
      const [first = ''] = stderr.split('\n');
      return `${code} ${first.replace(/sha256:\w+/g, 'DIGEST').replaceAll(host, 'HOST')}`;
    };
    const fetching = 'osv-convert: fetching DIGEST of HOST/app:1 from HOST';
    const runs: readonly (readonly [Promise<string>, string])[] = [
      [
        run('blob', { kind: 'drop', after: 30 }),
        `5 ${fetching}, at byte 90 of 237: found the connection broke (UND_ERR_SOCKET) (REGISTRY_UNREACHABLE)`,
      ],
      [
        run('blob', { kind: 'truncate', to: 30 }),
        `6 ${fetching}: found 90 bytes, wanted 237 (SIZE_MISMATCH)`,
      ],
      [
        run('manifest', { kind: 'corrupt' }),
        '6 osv-convert: verifying the bytes that came: found DIGEST, wanted DIGEST (DIGEST_MISMATCH)',
      ],
      [
        run('blob', status(500)),
        `5 ${fetching}: found a failure of the server (500) (REGISTRY_FAILED)`,
      ],
      [
        run('blob', status(429, { 'retry-after': '3600' })),
        `5 ${fetching}: found a rate limit, to be asked again in 3600 s (429) (REGISTRY_RATE_LIMITED)`,
      ],
      [
        run('manifest', status(403)),
        `4 ${fetching}: found access denied (403); sent no credentials: none are stored for HOST (ACCESS_DENIED)`,
      ],
      [run('blob', { kind: 'headers', headers: { 'content-encoding': 'gzip' } }), '0 '],
    ];
    const found = await Promise.all(runs.map(([said]) => said));
    expect(found).toEqual(runs.map(([, wanted]) => wanted));
  });
});
