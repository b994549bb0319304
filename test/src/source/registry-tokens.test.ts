import { describe, expect, test } from 'vitest';
import { createHttpClient } from '../../../src/source/http/client.ts';
import { parseChallenges } from '../../../src/source/registry/challenge.ts';
import { requestToken } from '../../../src/source/registry/tokens.ts';
import { digestOf } from '../../../store/index.ts';
import type { Flaw } from '../../support/registry/faults.ts';
import type { Registry } from '../../support/registry/registry.ts';
import {
  collect,
  connect,
  failure,
  fault,
  layerDescriptor,
  rootDigest,
  status,
} from './registry-peer.ts';

/** What the registry was asked for. */
const paths = (registry: Registry) => registry.requests.map(({ path }) => path);

describe('tokens', () => {
  const auth = { service: 'registry.test' };

  test.each(['token', 'access_token'] as const)(
    'are taken from the member %s and used again',
    async (member) => {
      const { source, registry } = await connect({ auth: { ...auth, member } });
      await source.resolve();
      await collect(source.fetch(layerDescriptor));
      expect(paths(registry)).toEqual([
        '/v2/acme/app/manifests/1.0',
        '/token?service=registry.test&scope=repository%3Aacme%2Fapp%3Apull',
        '/v2/acme/app/manifests/1.0',
        `/v2/acme/app/blobs/${layerDescriptor.digest}`,
      ]);
    },
  );

  test('are asked for once when many requests are refused together', async () => {
    const { source, registry } = await connect({ auth });
    await Promise.all(Array.from({ length: 6 }, () => source.resolve()));
    expect(paths(registry).filter((path) => path.startsWith('/token'))).toHaveLength(1);
  });

  test('are renewed when the registry calls one expired', async () => {
    const { source, registry } = await connect({ auth: { ...auth, uses: 1 } });
    await source.resolve();
    expect(digestOf(await collect(source.fetch(layerDescriptor)))).toBe(layerDescriptor.digest);
    expect(paths(registry).filter((path) => path.startsWith('/token'))).toHaveLength(2);
  });

  test('are renewed when one expires in the middle of a blob', async () => {
    const flaw = { kind: 'drop', after: 1_500_000 } as const;
    const { source, registry } = await connect({
      auth: { ...auth, uses: 1 },
      ...fault('blob', flaw, 1),
    });
    expect(digestOf(await collect(source.fetch(layerDescriptor)))).toBe(layerDescriptor.digest);
    expect(registry.requests.at(-1)?.headers.range).toMatch(/^bytes=\d+-$/);
  });

  test('are not sent when their time is over', async () => {
    const { source, registry } = await connect({ auth: { ...auth, expiresIn: 4 } });
    await source.resolve();
    await source.resolve();
    expect(registry.requests.map(({ headers }) => headers.authorization)).toEqual([
      undefined,
      undefined,
      'Bearer token-1',
      undefined,
      'Bearer token-2',
    ]);
  });

  test('are had by the Bearer challenge when there are several', async () => {
    const challenge =
      'Basic realm="x", Bearer realm="{realm}", service="{service}", scope="{scope}"';
    const { source } = await connect({ auth: { ...auth, challenge } });
    expect((await source.resolve()).descriptor.digest).toBe(rootDigest);
  });

  test('are asked for by the repository when the challenge names no scope', async () => {
    const challenge = 'Bearer realm="{realm}", service="{service}"';
    const { source } = await connect({ auth: { ...auth, challenge } });
    expect((await source.resolve()).descriptor.digest).toBe(rootDigest);
  });

  test.each<[string, string | undefined, Flaw | undefined, string, string]>([
    [
      'the realm is missing',
      'Bearer service="{service}"',
      undefined,
      'REGISTRY_PROTOCOL',
      'no valid URL as the token realm',
    ],
    [
      'the realm is no web address',
      'Bearer realm="file:///x"',
      undefined,
      'REGISTRY_PROTOCOL',
      'token realm',
    ],
    ['the token server wants credentials', undefined, status(401), 'AUTH_REQUIRED', '401'],
    ['the token server denies access', undefined, status(403), 'ACCESS_DENIED', '403'],
    ['the token server limits the rate', undefined, status(429), 'REGISTRY_RATE_LIMITED', '429'],
    ['the token server fails', undefined, status(503), 'REGISTRY_FAILED', '503'],
    [
      'the answer is no JSON',
      undefined,
      { kind: 'body', body: 'hello' },
      'REGISTRY_PROTOCOL',
      'not JSON',
    ],
    [
      'the answer is null',
      undefined,
      { kind: 'body', body: 'null' },
      'REGISTRY_PROTOCOL',
      'found none',
    ],
    [
      'the answer has no token',
      undefined,
      { kind: 'body', body: '{"token":""}' },
      'REGISTRY_PROTOCOL',
      'found none',
    ],
    [
      'the token would break the header',
      undefined,
      { kind: 'body', body: '{"token":"a\\r\\nb: c"}' },
      'REGISTRY_PROTOCOL',
      'found none',
    ],
    [
      'the answer is huge',
      undefined,
      { kind: 'body', body: ' '.repeat(70_000) },
      'REGISTRY_PROTOCOL',
      'more than 65536',
    ],
  ])('lead to an error by its code when %s', async (_what, challenge, flaw, code, text) => {
    const { source } = await connect({
      auth: { ...auth, ...(challenge && { challenge }) },
      ...(flaw && fault('token', flaw)),
    });
    const error: unknown = await source.resolve().catch((reason: unknown) => reason);
    expect(error).toEqual(failure(code, 'acme/app', text));
    expect(String(error)).not.toContain('token-1');
  });

  test('lead to an error that names the command to type when a fresh one is refused', async () => {
    const { source, registry } = await connect({ auth: { ...auth, uses: 0 } });
    await expect(source.resolve()).rejects.toThrowError(
      expect.objectContaining({
        code: 'AUTH_REQUIRED',
        message: expect.stringContaining('UNAUTHORIZED'),
        hint: expect.stringContaining(`osv-convert login ${registry.host}`),
      }),
    );
  });

  test('are not asked for over plain HTTP when the registry has TLS', async () => {
    const { registry } = await connect();
    const [challenge] = parseChallenges(`Bearer realm="http://${registry.host}/token"`);
    const endpoint = new URL('https://registry.test');
    if (challenge === undefined) throw new Error('no challenge');
    const call = { action: 'fetching', endpoint, challenge, scopes: [], credentials: undefined };
    await expect(requestToken(createHttpClient(), call)).rejects.toThrowError(
      failure('REGISTRY_PROTOCOL', `found http://${registry.host}/token`, 'wanted an https URL'),
    );
    expect(registry.requests).toHaveLength(0);
  });
});
