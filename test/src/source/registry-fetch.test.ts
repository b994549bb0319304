import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../../store/index.ts';
import type { Image } from '../../support/image.ts';
import type { Flaw } from '../../support/registry/faults.ts';
import {
  blobDescriptor,
  collect,
  connect,
  failure,
  fault,
  image,
  layerDescriptor,
  noise,
  rootDigest,
  status,
} from './registry-peer.ts';

/** A registry that has one more blob. */
function having(blob: Uint8Array): { readonly images: Readonly<Record<string, Image>> } {
  const blobs = new Map([...image.blobs, [digestOf(blob), blob]]);
  return { images: { 'acme/app:1.0': { ...image, blobs } } };
}

describe('fetch', () => {
  test('streams a blob', async () => {
    const { source } = await connect();
    expect(digestOf(await collect(source.fetch(layerDescriptor)))).toBe(layerDescriptor.digest);
  });

  test('streams an empty blob', async () => {
    const { source } = await connect(having(Buffer.alloc(0)));
    expect(await collect(source.fetch(blobDescriptor(Buffer.alloc(0))))).toHaveLength(0);
  });

  test('drops Authorization when a redirect leaves the origin', async () => {
    const { source, registry } = await connect({ auth: { service: 's' }, dataHost: true });
    await source.resolve();
    expect(digestOf(await collect(source.fetch(layerDescriptor)))).toBe(layerDescriptor.digest);
    const [asked, sent] = registry.requests.slice(-2);
    expect(asked?.headers.authorization).toMatch(/^Bearer /);
    expect(sent?.path).toContain('/data/');
    expect(sent?.headers.authorization).toBeUndefined();
  });

  test('asks the registry for a fresh address when it resumes behind a redirect', async () => {
    const { source, registry } = await connect({
      dataHost: true,
      ...fault('data', { kind: 'drop', after: 1_200_000 }, 1),
    });
    expect(digestOf(await collect(source.fetch(layerDescriptor)))).toBe(layerDescriptor.digest);
    const [first, second] = registry.requests.filter(({ path }) => path.startsWith('/data/'));
    expect(first?.path).not.toBe(second?.path);
    expect(second?.headers.range).toMatch(/^bytes=\d+-$/);
  });

  test.each<[string, readonly Flaw[], number]>([
    ['the connection breaks before the first byte', [{ kind: 'drop', after: 0 }], 2],
    ['the connection breaks in the middle', [{ kind: 'drop', after: 1_234_567 }], 2],
    ['the body is cut short and Content-Length agrees', [{ kind: 'truncate', to: 1_000_000 }], 2],
    ['there is no Content-Length', [{ kind: 'chunked' }], 1],
    ['it is sent in chunks and cut short', [{ kind: 'chunked' }, { kind: 'truncate', to: 99 }], 2],
    [
      'it is labelled with a Content-Encoding',
      [{ kind: 'headers', headers: { 'content-encoding': 'gzip' } }],
      1,
    ],
    ['the registry fails at first', [status(503)], 2],
  ])('ends with the right bytes when %s', async (_what, flaws, requests) => {
    const faults = flaws.map((flaw) => ({ on: 'blob', flaw, times: 1 }) as const);
    const { source, registry } = await connect({ faults });
    expect(digestOf(await collect(source.fetch(layerDescriptor)))).toBe(layerDescriptor.digest);
    expect(registry.requests).toHaveLength(requests);
  });

  test('reads again from the start when the server ignores the Range', async () => {
    const { source, registry } = await connect({
      faults: [
        { on: 'blob', flaw: { kind: 'drop', after: 2_000_000 }, times: 1 },
        { on: 'blob', flaw: { kind: 'ignore-range' } },
      ],
    });
    expect(digestOf(await collect(source.fetch(layerDescriptor)))).toBe(layerDescriptor.digest);
    expect(registry.requests[1]?.headers.range).toMatch(/^bytes=\d+-$/);
  });

  test('never gives up while each try brings more than a mebibyte', async () => {
    const large = noise(9_000_000);
    const { source, registry } = await connect({
      ...having(large),
      ...fault('blob', { kind: 'drop', after: 1_500_000 }, 5),
    });
    const descriptor = blobDescriptor(large);
    expect(digestOf(await collect(source.fetch(descriptor)))).toBe(descriptor.digest);
    expect(registry.requests).toHaveLength(6);
  });

  test('does not decode a gzip blob that is labelled as encoded', async () => {
    const packed = gzipSync(Buffer.from('hello'));
    const { source } = await connect({
      ...having(packed),
      ...fault('blob', { kind: 'headers', headers: { 'content-encoding': 'gzip' } }),
    });
    expect(await collect(source.fetch(blobDescriptor(packed)))).toEqual(packed);
  });

  test.each<[string, readonly Flaw[], string, string]>([
    ['the blob is missing', [status(404)], 'IMAGE_NOT_FOUND', '404'],
    [
      'the body always ends early',
      [{ kind: 'truncate', to: 10 }],
      'SIZE_MISMATCH',
      'found 30 bytes, wanted 3000000',
    ],
    [
      'Content-Length is too large',
      [{ kind: 'length', delta: 5 }],
      'SIZE_MISMATCH',
      'found 3000005 bytes or more, wanted 3000000',
    ],
    [
      'more comes than was promised',
      [{ kind: 'body', body: Buffer.alloc(3_000_001) }, { kind: 'chunked' }],
      'SIZE_MISMATCH',
      'wanted 3000000',
    ],
    [
      'the connection always breaks',
      [{ kind: 'drop', after: 0 }],
      'REGISTRY_UNREACHABLE',
      'connection broke',
    ],
    [
      'another range comes',
      [{ kind: 'drop', after: 70_000 }, { kind: 'wrong-range' }],
      'REGISTRY_PROTOCOL',
      'found a range from byte',
    ],
    [
      'a redirect leads to a login',
      [{ kind: 'redirect', location: 'http://localhost:1/' }],
      'REGISTRY_UNREACHABLE',
      'refused',
    ],
  ])('fails by its code when %s', async (_what, flaws, code, text) => {
    const { source, registry } = await connect({
      faults: flaws.map((flaw) => ({ on: 'blob', flaw }) as const),
    });
    await expect(collect(source.fetch(layerDescriptor))).rejects.toThrowError(
      failure(code, `fetching ${layerDescriptor.digest} of ${registry.host}/acme/app:1.0`, text),
    );
  });

  test.each([401, 403])(
    'tells which data host refused and how to look into it, not to log in, when that answers %i',
    async (code) => {
      const body = '{"errors":[{"code":"AccessDenied","message":"Request has expired"}]}';
      const { source, registry } = await connect({
        auth: { service: 's' },
        dataHost: true,
        ...fault('data', { kind: 'status', status: code, body }),
      });
      const error: unknown = await collect(source.fetch(layerDescriptor)).catch(
        (reason: unknown) => reason,
      );
      const { host } = new URL(registry.dataOrigin ?? '');
      expect(error).toEqual(
        failure(
          'REGISTRY_FAILED',
          `fetching ${layerDescriptor.digest}`,
          `the data host ${host} refuses the address that ${registry.host} gave us (${code}, AccessDenied: Request has expired), wanted the bytes`,
        ),
      );
      expect(error).toHaveProperty('hint', `osv-convert doctor ${registry.host}/acme/app:1.0`);
      expect(String(error)).not.toContain('signature');
    },
  );

  test('fails when the server falls silent in the middle, after trying again', async () => {
    const timeouts = { connect: 30_000, silence: 100 };
    const flaw = { kind: 'stall', after: 100_000 } as const;
    const { source, delays } = await connect(fault('blob', flaw), 'acme/app:1.0', { timeouts });
    await expect(collect(source.fetch(layerDescriptor))).rejects.toThrowError(
      failure('REGISTRY_UNREACHABLE', 'of 3000000', 'silence on the connection'),
    );
    expect(delays).toHaveLength(2);
  });

  test('stops with the reason of the abort when it is aborted in the middle', async () => {
    const { source } = await connect(fault('blob', { kind: 'stall', after: 100_000 }));
    const stop = new AbortController();
    const reading = (async () => {
      for await (const _chunk of source.fetch(layerDescriptor, { signal: stop.signal })) {
        stop.abort(new Error('enough'));
      }
    })();
    await expect(reading).rejects.toThrowError('enough');
  });

  test('lets the connection go when the reader stops early', async () => {
    const { source, registry } = await connect();
    for await (const chunk of source.fetch(layerDescriptor)) {
      expect(chunk.byteLength).toBeGreaterThan(0);
      break;
    }
    expect(registry.requests).toHaveLength(1);
    expect((await source.resolve()).descriptor.digest).toBe(rootDigest);
  });
});
