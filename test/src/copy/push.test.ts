import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { push } from '../../../src/copy/push.ts';
import type { ConvertEvent } from '../../../src/event.ts';
import type { CredentialSource } from '../../../src/source/auth/credentials.ts';
import type { RegistryOptions } from '../../../src/source/registry/registry.ts';
import { hexOf, openStore, type Store } from '../../../store/index.ts';
import { startBrokenLine } from '../../support/broken-line.ts';
import { createAuthority } from '../../support/certificate.ts';
import { findProgram, registryUser, startDockerRegistry } from '../../support/docker-registry.ts';
import { buildImage, buildIndex, type Image } from '../../support/image.ts';
import { buildLayer } from '../../support/layers.ts';
import { readLayout, writeLayout } from '../../support/layout.ts';
import { instantPace } from '../../support/pace.ts';
import type { Fault, Flaw } from '../../support/registry/faults.ts';
import {
  type Registry,
  type RegistryOptions as Serving,
  startRegistry,
} from '../../support/registry/registry.ts';
import { startTokenServer } from '../../support/token-server.ts';

const run = promisify(execFile);

/** Bytes of no repetition, so that a part sent twice or left out shows. */
function noise(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = seed;
  for (let at = 0; at < length; at += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

const small = buildLayer([], { blob: noise(20_000, 1) });
const large = buildLayer([], { blob: noise(3_000_000, 2) });
const image = buildImage({ layers: [small, large], config: { Entrypoint: ['/app'] } });
const arm = buildImage({ layers: [small], architecture: 'arm64' });
const [largeDigest, smallDigest] = [large.descriptor.digest, small.descriptor.digest];

let folder = '';
let stores = 0;
const closers: (() => Promise<void>)[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'push-test-'));
});
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** A store that has `images` under their names. */
async function storeOf(images: Readonly<Record<string, readonly Image[]>>): Promise<Store> {
  stores += 1;
  const store = await openStore(join(folder, `store-${stores}`));
  for (const [name, all] of Object.entries(images)) {
    for (const { blobs, root } of all) {
      for (const bytes of blobs.values()) await store.blobs.put(bytes);
      await store.refs.set(name, root);
    }
  }
  return store;
}

async function serve(options: Partial<Serving> = {}): Promise<Registry> {
  const registry = await startRegistry({ images: {}, ...options });
  closers.push(() => registry.close());
  return registry;
}

const reach = (more: RegistryOptions = {}): RegistryOptions => ({ pace: instantPace(), ...more });

const failure = (code: string, text = '') =>
  expect.objectContaining({ code, message: expect.stringContaining(text) });

const calls = ({ requests }: Registry, method: string) =>
  requests.filter((request) => request.method === method);

async function served(registry: Registry, path: string): Promise<Buffer> {
  const response = await fetch(`http://${registry.host}/v2/${path}`);
  expect(response.status).toBe(200);
  return Buffer.from(await response.arrayBuffer());
}

describe('push', () => {
  test.each(['relative', 'absolute'] as const)(
    'sends blobs before the manifest and returns its digest when Location is %s',
    async (location) => {
      const registry = await serve({ uploads: { location } });
      const store = await storeOf({ 'docker.io/acme/app:1': [image] });
      const target = `${registry.host}/team/app:1`;
      const pushed = await push(store, 'acme/app:1', target, { registry: reach() });
      expect(pushed).toEqual({
        reference: target,
        digest: image.root.digest,
        blobs: { present: 0, mounted: 0, uploaded: 3 },
        uploaded: 20_000 + 3_000_000 + image.config.size,
      });
      expect(registry.requests.at(-1)).toMatchObject({
        method: 'PUT',
        path: '/v2/team/app/manifests/1',
      });
      for (const digest of [smallDigest, largeDigest, image.config.digest]) {
        const bytes = await served(registry, `team/app/blobs/${digest}`);
        expect(bytes.equals(image.blobs.get(digest) ?? Buffer.alloc(0))).toBe(true);
      }
    },
  );

  test('sends nothing again that is there when it is repeated', async () => {
    const registry = await serve();
    const store = await storeOf({ 'docker.io/acme/app:1': [image] });
    const target = `${registry.host}/team/app:1`;
    await push(store, 'acme/app:1', target, { registry: reach() });
    const posts = calls(registry, 'POST').length;
    const again = await push(store, 'acme/app:1', target, { registry: reach() });
    expect(again).toMatchObject({ blobs: { present: 3, mounted: 0, uploaded: 0 }, uploaded: 0 });
    expect(calls(registry, 'POST')).toHaveLength(posts);
  });

  test('pushes every platform and an index of them when the store has several of one name', async () => {
    const registry = await serve();
    const store = await storeOf({ 'docker.io/acme/app:1': [image, arm] });
    const target = `${registry.host}/team/app:all`;
    const { digest } = await push(store, 'acme/app:1', target, { registry: reach() });
    const index = JSON.parse((await served(registry, 'team/app/manifests/all')).toString());
    expect(index.manifests).toEqual([image.root, arm.root]);
    expect((await served(registry, `team/app/manifests/${digest}`)).length).toBeGreaterThan(0);
    await served(registry, `team/app/manifests/${arm.root.digest}`);
  });

  test('pushes an index of a layout byte for byte', async () => {
    const registry = await serve();
    const index = buildIndex([image, arm]);
    const layout = join(folder, 'layout');
    await writeLayout(layout, 'all', index);
    const store = await storeOf({});
    const target = `docker://${registry.host}/team/app:all`;
    const { digest } = await push(store, `oci:${layout}:all`, target, { registry: reach() });
    expect(digest).toBe(index.root.digest);
    const bytes = await served(registry, 'team/app/manifests/all');
    expect(bytes.equals(index.blobs.get(index.root.digest) ?? Buffer.alloc(0))).toBe(true);
  });

  test('mounts what another repository of the registry has', async () => {
    const registry = await serve({
      images: { 'base/app:1': image },
      auth: { service: 'test' },
    });
    const store = await storeOf({ [`${registry.host}/base/app:1`]: [image] });
    const from = `${registry.host}/base/app:1`;
    const pushed = await push(store, from, `${registry.host}/team/app:1`, { registry: reach() });
    expect(pushed.blobs).toEqual({ present: 0, mounted: 3, uploaded: 0 });
    expect(calls(registry, 'PATCH')).toEqual([]);
  });

  test.each([
    ['answered with an upload', { uploads: { mount: false } }],
    [
      'refused',
      {
        faults: [
          { on: 'upload', times: 3, method: 'POST', flaw: { kind: 'status', status: 403 } },
        ] satisfies Fault[],
      },
    ],
  ])('uploads when a mount is %s', async (_how, serving) => {
    const registry = await serve({ images: { 'base/app:1': image }, ...serving });
    const name = `${registry.host}/base/app:1`;
    const store = await storeOf({ [name]: [image] });
    const pushed = await push(store, name, `${registry.host}/team/app:1`, { registry: reach() });
    expect(pushed.blobs).toMatchObject({ mounted: 0, uploaded: 3 });
  });

  test('asks for a token that may push', async () => {
    const registry = await serve({ auth: { service: 'test' } });
    const store = await storeOf({ 'docker.io/acme/app:1': [image] });
    await push(store, 'acme/app:1', `${registry.host}/team/app:1`, { registry: reach() });
    const asked = registry.requests.filter(({ path }) => path.startsWith('/token'));
    expect(asked.length).toBeGreaterThan(0);
    for (const { path } of asked) {
      expect(new URLSearchParams(path.split('?')[1]).getAll('scope')).toEqual([
        'repository:team/app:pull,push',
      ]);
    }
  });

  const fault = (flaw: Flaw, more: Partial<Fault> = {}): Fault => ({
    on: 'upload',
    method: 'PATCH',
    times: 1,
    flaw,
    ...more,
  });

  test('goes on at the byte the registry has when the connection breaks', async () => {
    const registry = await serve({
      faults: [
        fault({ kind: 'break-upload', after: 1_200_000 }),
        fault({ kind: 'break-upload', after: 700_000 }),
      ],
    });
    const store = await storeOf({ 'docker.io/acme/app:1': [image] });
    const target = `${registry.host}/team/app:1`;
    const { blobs } = await push(store, 'acme/app:1', target, { registry: reach() });
    expect(blobs.uploaded).toBe(3);
    const ranges = calls(registry, 'PATCH').map(({ headers }) => headers['content-range']);
    expect(ranges[0]).toBeUndefined();
    expect(ranges.at(-1)).toMatch(/^[1-9]\d{5,}-2999999$/);
    const bytes = await served(registry, `team/app/blobs/${largeDigest}`);
    expect(bytes.equals(large.blob)).toBe(true);
  });

  /** Of each blob how far it was told to be, in order, and then how it ended. */
  function ledger() {
    const told = new Map<string, (number | string)[]>();
    const onEvent = (event: ConvertEvent): void => {
      if (event.event !== 'upload' && event.event !== 'blob-pushed') return;
      const list = told.get(event.digest) ?? [];
      told.set(event.digest, [...list, event.event === 'upload' ? event.sent : event.how]);
    };
    return { told, onEvent };
  }

  test('tells each byte of an upload once when it goes on where it broke', async () => {
    const registry = await serve({ faults: [fault({ kind: 'break-upload', after: 1_200_000 })] });
    const store = await storeOf({ 'docker.io/acme/app:1': [image] });
    const { told, onEvent } = ledger();
    const planned: ConvertEvent[] = [];
    await push(store, 'acme/app:1', `${registry.host}/team/app:1`, {
      registry: reach(),
      onEvent: (event) => {
        onEvent(event);
        if (event.event === 'planned') planned.push(event);
      },
    });
    const sizes = [image.config.size, 20_000, 3_000_000];
    expect(planned).toHaveLength(1);
    expect(planned[0]).toMatchObject({ blobs: sizes.map((size) => ({ size })) });
    const steps = told.get(largeDigest) ?? [];
    const resumed = calls(registry, 'PATCH').at(-1)?.headers['content-range'] ?? '';
    const from = Number(resumed.split('-')[0]);
    expect(from).toBeGreaterThan(0);
    const at = steps.lastIndexOf(from);
    expect(at).toBeGreaterThan(0);
    // From there on it only grows: what the registry has is not told again.
    const rest = steps.slice(at, -1).map(Number);
    expect(rest).toEqual([...rest].sort((a, b) => a - b));
    expect(steps.slice(-2)).toEqual([3_000_000, 'uploaded']);
  });

  test('falls back to nothing sent when an upload begins anew', async () => {
    const registry = await serve({
      faults: [
        fault({ kind: 'break-upload', after: 2_000_000 }),
        fault({ kind: 'status', status: 404 }, { method: 'GET' }),
      ],
    });
    const store = await storeOf({ 'docker.io/acme/app:1': [image] });
    const { told, onEvent } = ledger();
    await push(store, 'acme/app:1', `${registry.host}/team/app:1`, { registry: reach(), onEvent });
    const steps = told.get(largeDigest) ?? [];
    expect(steps.filter((step) => step === 0)).toHaveLength(2);
    expect(steps.slice(-2)).toEqual([3_000_000, 'uploaded']);
  });

  test('tells what the registry has as nothing sent', async () => {
    const registry = await serve({ images: { 'base/app:1': image } });
    const name = `${registry.host}/base/app:1`;
    const store = await storeOf({ [name]: [image] });
    for (const [target, how] of [
      [`${registry.host}/team/app:1`, 'mounted'],
      [name, 'present'],
    ] as const) {
      const { told, onEvent } = ledger();
      await push(store, name, target, { registry: reach(), onEvent });
      expect([...told.values()]).toEqual([[how], [how], [how]]);
    }
  });

  test('tells which data host refused when it is to be uploaded there', async () => {
    const refusal = { on: 'upload', flaw: { kind: 'status', status: 403 } } as const;
    const host = await serve({ faults: [refusal] });
    const location = `http://${host.host}/v2/data/blobs/uploads/1?signature=secret`;
    const flaw = { kind: 'status', status: 202, headers: { location } } as const;
    const registry = await serve({ faults: [fault(flaw, { method: 'POST', times: 99 })] });
    const store = await storeOf({ 'docker.io/acme/app:1': [image] });
    const target = `${registry.host}/team/app:1`;
    const error: unknown = await push(store, 'acme/app:1', target, { registry: reach() }).catch(
      (reason: unknown) => reason,
    );
    expect(error).toEqual(failure('REGISTRY_FAILED', `the data host ${host.host} refuses`));
    expect(error).toHaveProperty('hint', `osv-convert doctor ${target}`);
    expect(String(error)).not.toContain('secret');
  });

  test.each<[string, Fault]>([
    ['the registry is elsewhere', fault({ kind: 'status', status: 416 })],
    ['the registry has forgotten it', fault({ kind: 'status', status: 404 })],
    ['the server fails', fault({ kind: 'status', status: 503 })],
    ['the connection breaks at once', fault({ kind: 'break-upload', after: 1 })],
    ['the end of it is lost', fault({ kind: 'status', status: 404 }, { method: 'PUT', times: 2 })],
    ['the server cannot begin', fault({ kind: 'status', status: 500 }, { method: 'POST' })],
  ])('begins the upload anew when %s', async (_what, flaw) => {
    const registry = await serve({ faults: [flaw] });
    const store = await storeOf({ 'docker.io/acme/app:1': [image] });
    await push(store, 'acme/app:1', `${registry.host}/team/app:1`, { registry: reach() });
    const bytes = await served(registry, `team/app/blobs/${largeDigest}`);
    expect(bytes.equals(large.blob)).toBe(true);
  });

  test.each<[string, string, string, Fault]>([
    [
      'REGISTRY_FAILED',
      'the upload fails for good',
      '503',
      fault({ kind: 'status', status: 503 }, { times: 99 }),
    ],
    [
      'ACCESS_DENIED',
      'nothing may be written',
      'access denied',
      fault({ kind: 'status', status: 403 }, { method: 'POST', times: 99 }),
    ],
    [
      'REGISTRY_PROTOCOL',
      'there is no Location',
      'Location',
      fault({ kind: 'status', status: 202 }, { method: 'POST', times: 99 }),
    ],
    [
      'REGISTRY_PROTOCOL',
      'the manifest is refused',
      'MANIFEST_INVALID: no',
      {
        on: 'manifest',
        method: 'PUT',
        flaw: {
          kind: 'status',
          status: 400,
          body: '{"errors":[{"code":"MANIFEST_INVALID","message":"no"}]}',
        },
      },
    ],
    [
      'DIGEST_MISMATCH',
      'the registry took the manifest as another',
      'wanted sha256:',
      {
        on: 'manifest',
        method: 'PUT',
        flaw: { kind: 'headers', headers: { 'docker-content-digest': `sha256:${'0'.repeat(64)}` } },
      },
    ],
  ])('fails with %s when %s', async (code, _what, text, flaw) => {
    const registry = await serve({ faults: [flaw] });
    const store = await storeOf({ 'docker.io/acme/app:1': [image] });
    const pushing = push(store, 'acme/app:1', `${registry.host}/team/app:1`, { registry: reach() });
    await expect(pushing).rejects.toThrowError(failure(code, text));
  });

  test('fails with STORE_CORRUPT and sends no manifest when a blob of the store is damaged', async () => {
    const registry = await serve();
    const store = await storeOf({ 'docker.io/acme/app:1': [image] });
    const path = join(store.path, 'blobs/sha256', hexOf(largeDigest));
    await chmod(path, 0o644);
    await writeFile(path, noise(3_000_000, 3));
    const pushing = push(store, 'acme/app:1', `${registry.host}/team/app:1`, { registry: reach() });
    await expect(pushing).rejects.toThrowError(failure('STORE_CORRUPT'));
    expect(calls(registry, 'PUT').filter(({ path }) => path.includes('/manifests/'))).toEqual([]);
  });

  test('fails with IMAGE_NOT_FOUND when the store has no such name', async () => {
    const store = await storeOf({ 'docker.io/acme/app:1': [image] });
    await expect(push(store, 'acme/other:1', '127.0.0.1:1/a:1')).rejects.toThrowError(
      failure('IMAGE_NOT_FOUND', 'docker.io/acme/app:1'),
    );
  });

  test.each(['oci:folder', `acme/app@${image.root.digest}`])(
    'fails with REFERENCE_INVALID when the target is %s',
    async (target) => {
      const store = await storeOf({ 'docker.io/acme/app:1': [image] });
      await expect(push(store, 'acme/app:1', target)).rejects.toThrowError(
        failure('REFERENCE_INVALID', 'wanted a name in a registry'),
      );
    },
  );

  test('fails with MANIFEST_INVALID when indexes are nested without end', async () => {
    let nested = buildIndex([image]);
    for (let depth = 0; depth < 5; depth += 1) nested = buildIndex([nested]);
    const store = await storeOf({ 'docker.io/acme/app:1': [nested] });
    const { host } = await serve();
    await expect(
      push(store, 'acme/app:1', `${host}/team/app:1`, { registry: reach() }),
    ).rejects.toThrowError(failure('MANIFEST_INVALID', 'nested deeper than 4'));
  });

  test('stops when it is aborted', async () => {
    const registry = await serve({
      faults: [fault({ kind: 'status', status: 503 }, { times: 99 })],
    });
    const store = await storeOf({ 'docker.io/acme/app:1': [image] });
    const abort = new AbortController();
    const pace = {
      ...instantPace(),
      async sleep() {
        abort.abort(new Error('enough'));
        abort.signal.throwIfAborted();
      },
    };
    const { signal } = abort;
    const options = { registry: { pace }, signal };
    const pushing = push(store, 'acme/app:1', `${registry.host}/team/app:1`, options);
    await expect(pushing).rejects.toThrowError('enough');
  });
});

const missing = ['docker-registry', 'skopeo'].filter((name) => findProgram(name) === undefined);
describe.skipIf(missing.length > 0)('push to docker-registry', () => {
  const skopeo = (...args: readonly string[]) => run('skopeo', ['--insecure-policy', ...args]);

  async function start(options?: Parameters<typeof startDockerRegistry>[0]): Promise<string> {
    const peer = await startDockerRegistry(options);
    if (peer === undefined) throw new Error('docker-registry is not installed');
    closers.push(() => peer.close());
    return peer.host;
  }

  const alice: CredentialSource = {
    find: async () => ({ kind: 'basic', ...registryUser, origin: 'the test' }),
  };
  const creds = `${registryUser.username}:${registryUser.password}`;

  test('gives skopeo the same digest, image and index', async () => {
    const host = await start();
    const index = buildIndex([image, arm]);
    const layout = join(folder, 'for-skopeo');
    await writeLayout(layout, 'all', index);
    const store = await storeOf({ 'docker.io/acme/app:1': [image] });
    const name = `${host}/team/app`;
    await push(store, 'acme/app:1', `${name}:1`);
    const pushed = await push(store, `oci:${layout}:all`, `${name}:all`);
    expect(pushed).toMatchObject({ digest: index.root.digest, blobs: { present: 3, uploaded: 1 } });
    for (const [tag, each] of [
      ['1', image],
      ['all', index],
    ] as const) {
      const copy = join(folder, `copy-${tag}`);
      const options = ['--src-tls-verify=false', '--all', '--preserve-digests'];
      await skopeo('copy', ...options, `docker://${name}:${tag}`, `oci:${copy}:${tag}`);
      const { root, blobs } = await readLayout(copy);
      expect(root.digest).toBe(each.root.digest);
      expect([...blobs.keys()].sort()).toEqual([...each.blobs.keys()].sort());
    }
  });

  test('copies what skopeo pushed with the same digest, mounting its blobs', async () => {
    const host = await start();
    const layout = join(folder, 'of-skopeo');
    await writeLayout(layout, 'app', image);
    const from = `${host}/from/app:1`;
    await skopeo(
      'copy',
      '--preserve-digests',
      '--dest-tls-verify=false',
      `oci:${layout}:app`,
      `docker://${from}`,
    );
    const store = await storeOf({});
    const pushed = await push(store, `docker://${from}`, `${host}/to/app:1`);
    expect(pushed).toEqual({
      reference: `${host}/to/app:1`,
      digest: image.root.digest,
      blobs: { present: 0, mounted: 3, uploaded: 0 },
      uploaded: 0,
    });
    const { stdout } = await skopeo('inspect', '--tls-verify=false', `docker://${host}/to/app:1`);
    expect(JSON.parse(stdout).Digest).toBe(image.root.digest);
  });

  test('sends a password over TLS of an authority of our own', async () => {
    const authority = createAuthority();
    const certDir = join(folder, 'certificates');
    await mkdir(certDir);
    await writeFile(join(certDir, 'ca.crt'), authority.cert);
    const host = await start({ htpasswd: true, tls: authority.issue() });
    const store = await storeOf({ 'docker.io/acme/app:1': [image] });
    const registry = { credentials: alice, plainHttp: false, tls: { certDir } };
    const { digest } = await push(store, 'acme/app:1', `${host}/team/app:1`, { registry });
    const options = ['--creds', creds, '--cert-dir', certDir];
    const { stdout } = await skopeo('inspect', ...options, `docker://${host}/team/app:1`);
    expect(JSON.parse(stdout).Digest).toBe(digest);
  });

  test('gets tokens to push and to mount, and is refused without a password', async () => {
    const users = { [registryUser.username]: registryUser.password };
    const tokens = await startTokenServer({ users });
    closers.push(() => tokens.close());
    const host = await start({ tokens });
    const store = await storeOf({ [`${host}/base/app:1`]: [image] });
    const name = `${host}/base/app:1`;
    await push(store, name, name, { registry: { credentials: alice } });
    const pushed = await push(store, name, `${host}/team/app:1`, {
      registry: { credentials: alice },
    });
    expect(pushed.blobs).toEqual({ present: 0, mounted: 3, uploaded: 0 });
    const nobody: CredentialSource = { find: async () => undefined };
    await expect(
      push(store, name, `${host}/team/app:2`, { registry: { credentials: nobody } }),
    ).rejects.toThrowError(failure('AUTH_REQUIRED'));
  });

  test('ends with the right bytes when the line breaks again and again', async () => {
    const host = await start();
    const line = await startBrokenLine(host, { after: 1_000_000, times: 2 });
    closers.push(() => line.close());
    const store = await storeOf({ 'docker.io/acme/app:1': [image] });
    await push(store, 'acme/app:1', `${line.host}/team/app:1`, { registry: reach() });
    expect(line.broken()).toBe(2);
    const response = await fetch(`http://${host}/v2/team/app/blobs/${largeDigest}`);
    expect(Buffer.from(await response.arrayBuffer()).equals(large.blob)).toBe(true);
  });
});
