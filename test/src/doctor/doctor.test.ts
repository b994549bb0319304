import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { createValidator } from '../../../schemas/index.ts';
import type { Step } from '../../../src/doctor/diagnosis.ts';
import { type DiagnoseOptions, type Diagnosis, diagnose } from '../../../src/doctor/doctor.ts';
import type { CredentialSource } from '../../../src/source/auth/credentials.ts';
import { buildArtifact } from '../../support/artifact.ts';
import { selfSignedCertificate } from '../../support/certificate.ts';
import { runCli } from '../../support/cli.ts';
import { buildImage, buildIndex } from '../../support/image.ts';
import { buildLayer } from '../../support/layers.ts';
import type { Fault, Flaw } from '../../support/registry/faults.ts';
import {
  type Registry,
  type RegistryOptions as Serving,
  startRegistry,
} from '../../support/registry/registry.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const image = buildImage({ layers: [Buffer.alloc(10_240)] });
const names = [
  'resolve',
  'connect',
  'tls',
  'api',
  'credentials',
  'authenticate',
  'manifest',
  'layer',
  'data-host',
] as const;

const folder = temporaryFolder('doctor');
const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

async function serve(options: Partial<Serving> = {}): Promise<Registry> {
  const registry = await startRegistry({ images: { 'acme/app:1': image }, ...options });
  closers.push(() => registry.close());
  return registry;
}

const nobody: CredentialSource = { find: async () => undefined };

async function examine(
  serving: Partial<Serving> = {},
  options: DiagnoseOptions['registry'] = {},
): Promise<Diagnosis> {
  const { host } = await serve(serving);
  return await diagnose(`${host}/acme/app:1`, { registry: { credentials: nobody, ...options } });
}

/** `ok` is silent; every other status by its step. */
function unusual({ steps }: Diagnosis): Readonly<Record<string, Step['status']>> {
  expect(steps.map(({ name }) => name)).toEqual(names);
  const others = steps.filter(({ status }) => status !== 'ok');
  return Object.fromEntries(others.map(({ name, status }) => [name, status]));
}

/** What becomes of the steps when `name` fails; `skipped` were skipped before. */
function failedAt(name: (typeof names)[number], ...skipped: readonly (typeof names)[number][]) {
  const rest = names.slice(names.indexOf(name) + 1);
  return {
    ...Object.fromEntries([...skipped, ...rest].map((each) => [each, 'skipped'])),
    [name]: 'failed',
  };
}

const textOf = ({ steps }: Diagnosis, name: string) =>
  steps.find((step) => step.name === name)?.text ?? '';
const always = (on: Fault['on'], flaw: Flaw): Partial<Serving> => ({ faults: [{ on, flaw }] });

describe('diagnose', () => {
  test('finds nothing wrong with a good registry', async () => {
    const diagnosis = await examine();
    expect(unusual(diagnosis)).toEqual({ tls: 'skipped', 'data-host': 'skipped' });
    expect(diagnosis.failure).toBeUndefined();
    expect(textOf(diagnosis, 'resolve')).toBe('127.0.0.1 is 127.0.0.1');
    expect(textOf(diagnosis, 'manifest')).toContain(image.root.digest);
    expect(textOf(diagnosis, 'layer')).toContain('goes on where it stopped');
  });

  test('follows the registry to its data host and through an index', async () => {
    const diagnosis = await examine({
      images: { 'acme/app:1': buildIndex([image]) },
      dataHost: true,
      auth: { service: 'test' },
    });
    expect(unusual(diagnosis)).toEqual({ tls: 'skipped' });
    expect(textOf(diagnosis, 'api')).toMatch(/^it wants a token of 127\.0\.0\.1:\d+$/);
    expect(textOf(diagnosis, 'manifest')).toContain(`leads to ${image.root.digest}`);
    expect(textOf(diagnosis, 'layer')).toMatch(/^it sends us to 127\.0\.0\.1:\d+$/);
    expect(textOf(diagnosis, 'data-host')).toContain('goes on where it stopped');
    expect(JSON.stringify(diagnosis)).not.toContain('signature');
  });

  test('looks for no layer in the registry that may lie at its URLs only', async () => {
    const owned = buildLayer(new Uint8Array(1024));
    const urls = ['https://example.com/layer'];
    const own = { ...owned, descriptor: { ...owned.descriptor, urls } };
    const [other = expect.fail('no layer')] = image.layers;
    const whole = buildImage({ layers: [own, other] });
    const blobs = new Map(
      [...whole.blobs].filter(([digest]) => digest !== owned.descriptor.digest),
    );
    const diagnosis = await examine({ images: { 'acme/app:1': { ...whole, blobs } } });
    expect(diagnosis.failure).toBeUndefined();
  });

  test.each(['blob', 'data'] as const)('warns when the %s host hands out no parts', async (on) => {
    const diagnosis = await examine({
      dataHost: on === 'data',
      ...always(on, { kind: 'ignore-range' }),
    });
    const step = on === 'data' ? 'data-host' : 'layer';
    expect(unusual(diagnosis)).toMatchObject({ [step]: 'warning' });
    expect(diagnosis.failure).toBeUndefined();
  });

  test('fails at the connection when the port is closed', async () => {
    const registry = await serve();
    await registry.close();
    const diagnosis = await diagnose(`${registry.host}/acme/app:1`);
    expect(unusual(diagnosis)).toEqual(failedAt('connect'));
    expect(diagnosis.failure).toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
  });

  test('fails at the name when there is no such host', async () => {
    const diagnosis = await diagnose('registry.invalid/acme/app:1', { registry: { env: {} } });
    expect(unusual(diagnosis)).toEqual(failedAt('resolve'));
    expect(diagnosis.failure).toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
  });

  test('fails at TLS and shows the certificate when nobody trusts it', async () => {
    const diagnosis = await examine({ tls: selfSignedCertificate() }, { plainHttp: false });
    expect(unusual(diagnosis)).toEqual(failedAt('tls'));
    expect(diagnosis.failure).toMatchObject({ code: 'REGISTRY_TLS' });
    expect(textOf(diagnosis, 'tls')).toMatch(
      /the certificate of localhost, issued by localhost, good until \w+ .*20\d\d/,
    );
  });

  test('trusts the authority of the user', async () => {
    const tls = selfSignedCertificate();
    await writeFile(join(folder, 'ca.crt'), tls.cert);
    const own = { plainHttp: false, tls: { certDir: folder } };
    const diagnosis = await examine({ tls }, own);
    expect(unusual(diagnosis)).toEqual({ 'data-host': 'skipped' });
    expect(textOf(diagnosis, 'tls')).toMatch(/^TLSv1\.3, the certificate of localhost/);
  });

  test('fails at TLS when the server speaks plain HTTP', async () => {
    const diagnosis = await examine({}, { plainHttp: false });
    expect(unusual(diagnosis)).toEqual(failedAt('tls'));
    expect(diagnosis.failure?.hint).toContain('--plain-http');
  });

  test('fails at the API when the server is no registry', async () => {
    const server = createServer((_request, response) => response.writeHead(404).end('nothing'));
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    closers.push(() => new Promise((done) => server.close(() => done())));
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const diagnosis = await diagnose(`127.0.0.1:${port}/acme/app:1`);
    expect(unusual(diagnosis)).toEqual(failedAt('api', 'tls'));
    expect(diagnosis.failure?.message).toContain('asking 127.0.0.1');
  });

  test('fails at the API when the server hangs up', async () => {
    const server = createTcpServer((socket) => socket.destroy());
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    closers.push(() => new Promise((done) => server.close(() => done())));
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const diagnosis = await diagnose(`127.0.0.1:${port}/acme/app:1`);
    expect(unusual(diagnosis)).toEqual(failedAt('api', 'tls'));
    expect(diagnosis.failure).toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
  });

  test('fails at authentication, naming where the credentials are from and never the secret', async () => {
    const password = 'hunter2-secret';
    const credentials: CredentialSource = {
      find: async () => ({ kind: 'basic', username: 'me', password, origin: '/home/me/auth.json' }),
    };
    const headers = { 'www-authenticate': 'Basic realm="test"' };
    const refusing = (on: Fault['on']): Fault => ({
      on,
      flaw: { kind: 'status', status: 401, headers },
    });
    const faults = [refusing('ping'), refusing('manifest')];
    const diagnosis = await examine({ faults }, { credentials });
    expect(unusual(diagnosis)).toEqual(failedAt('authenticate', 'tls'));
    expect(diagnosis.failure).toMatchObject({ code: 'AUTH_REQUIRED' });
    expect(textOf(diagnosis, 'api')).toBe('it wants basic authentication');
    expect(textOf(diagnosis, 'credentials')).toBe('those of /home/me/auth.json');
    const shown = JSON.stringify([diagnosis, diagnosis.failure?.message]);
    expect(shown).not.toContain(password);
    expect(shown).not.toContain(Buffer.from(`me:${password}`).toString('base64'));
  });

  test('fails at the manifest when there is no such image', async () => {
    const { host } = await serve();
    const diagnosis = await diagnose(`${host}/acme/app:2`, { registry: { credentials: nobody } });
    expect(unusual(diagnosis)).toEqual(failedAt('manifest', 'tls'));
    expect(diagnosis.failure).toMatchObject({ code: 'IMAGE_NOT_FOUND' });
  });

  test.each<[string, 'layer' | 'data-host', Partial<Serving>, string]>([
    [
      'the layer is missing',
      'layer',
      always('blob', { kind: 'status', status: 404 }),
      'IMAGE_NOT_FOUND',
    ],
    [
      'the data host fails',
      'data-host',
      { dataHost: true, ...always('data', { kind: 'status', status: 503 }) },
      'REGISTRY_FAILED',
    ],
    [
      'the data host wants credentials',
      'data-host',
      { dataHost: true, ...always('data', { kind: 'status', status: 401 }) },
      'REGISTRY_FAILED',
    ],
    [
      'the data host denies access',
      'data-host',
      { dataHost: true, ...always('data', { kind: 'status', status: 403 }) },
      'REGISTRY_FAILED',
    ],
    [
      'the data host cannot be reached',
      'data-host',
      always('blob', { kind: 'redirect', location: 'http://127.0.0.1:1/data' }),
      'REGISTRY_UNREACHABLE',
    ],
    [
      'the redirect leads nowhere',
      'layer',
      always('blob', { kind: 'redirect', location: 'ftp://127.0.0.1/data' }),
      'REGISTRY_PROTOCOL',
    ],
  ])('fails at its step when %s', async (_what, step, serving, code) => {
    const diagnosis = await examine(serving);
    expect(unusual(diagnosis)).toEqual(failedAt(step, 'tls'));
    expect(diagnosis.failure).toMatchObject({ code });
    expect(diagnosis.failure?.hint ?? '').not.toContain('osv-convert doctor');
  });

  test('says of a data host that refuses which it is, and does not advise to log in', async () => {
    const flaw = { kind: 'status', status: 403 } as const;
    const { failure, reference } = await examine({ dataHost: true, ...always('data', flaw) });
    expect(failure?.message).toContain(`that ${reference.split('/')[0]} gave us (403)`);
    expect(failure?.message).toMatch(/found that the data host 127\.0\.0\.1:\d+ refuses/);
    expect(failure?.hint).not.toContain('login');
  });

  test('looks up and connects to nothing when a proxy does', async () => {
    const env = { HTTPS_PROXY: 'http://127.0.0.1:1' };
    const diagnosis = await diagnose('registry.invalid/acme/app:1', { registry: { env } });
    const skipped = ['resolve', 'connect', 'tls'] as const;
    expect(unusual(diagnosis)).toEqual(failedAt('api', ...skipped));
    expect(textOf(diagnosis, 'resolve')).toContain('proxy');
  });

  test('refuses what is no reference', async () => {
    await expect(diagnose('A B')).rejects.toThrowError(
      expect.objectContaining({ code: 'REFERENCE_INVALID' }),
    );
  });

  test('stops when it is aborted', async () => {
    const { host } = await serve();
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(diagnose(`${host}/acme/app:1`, { signal })).rejects.toThrowError('enough');
  });
});

describe('osv-convert', () => {
  const json = async (schema: string, args: readonly string[]) => {
    const result = await runCli([...args, '--json', '--store', join(folder, 'store')]);
    const value = JSON.parse(result.stdout);
    expect((await createValidator(schema))(value)).toBeUndefined();
    return { ...result, value };
  };

  test('doctor tells every step and ends with the code of the one that failed', async () => {
    const { host } = await serve();
    const good = await json('doctor', ['doctor', `${host}/acme/app:1`]);
    expect(good.code).toBe(0);
    const bad = await json('doctor', ['doctor', `${host}/acme/app:2`]);
    expect(bad.code).toBe(3);
    expect(JSON.parse(bad.stderr.trimEnd().split('\n').at(-1) ?? '')).toMatchObject({
      code: 'IMAGE_NOT_FOUND',
    });
    const { stdout } = await runCli(['doctor', `${host}/acme/app:1`]);
    expect(stdout).toMatch(/^resolve +ok +\d+ ms +127\.0\.0\.1 is 127\.0\.0\.1$/m);
  });

  test('pull, push, ls-tags and referrers work together', async () => {
    const { host } = await serve();
    const store = ['--store', join(folder, 'store')];
    expect((await runCli(['pull', `${host}/acme/app:1`, ...store])).code).toBe(0);
    const target = `${host}/team/app:2`;
    const pushed = await json('push', ['push', `${host}/acme/app:1`, target]);
    expect(pushed.value).toMatchObject({ digest: image.root.digest, blobs: { mounted: 2 } });
    const listed = await json('tags', ['ls-tags', `${host}/team/app`, '--limit', '5']);
    expect(listed.value).toEqual({ repository: `${host}/team/app`, tags: ['2'] });
    const { value } = await json('referrers', ['referrers', target]);
    expect(value).toEqual({ reference: target, digest: image.root.digest, referrers: [] });
    expect((await runCli(['ls-tags', target, '--limit', '0'])).code).toBe(2);
  });

  test('push --referrers carries what pull --referrers brought, and tells each byte as JSON', async () => {
    const { platform: _platform, ...subject } = image.root;
    const sbom = buildArtifact({ artifactType: 'text/spdx', content: 'all of it', subject });
    const from = await serve({ images: { 'acme/app:1': image, 'acme/app:sbom': sbom } });
    const name = `${from.host}/acme/app:1`;
    const store = ['--store', join(folder, 'store')];
    expect((await runCli(['pull', '--referrers', name, ...store])).code).toBe(0);
    const to = await serve({ images: {} });
    const pushing = ['push', name, `${to.host}/app:1`, '--referrers', '--progress', 'json'];
    const { value, stderr } = await json('push', pushing);
    expect(value.referrers).toMatchObject([{ digest: sbom.root.digest }]);

    const isEvent = await createValidator('event');
    const sent = new Map<string, number>();
    const ends: string[] = [];
    for (const line of stderr.trimEnd().split('\n')) {
      const event = JSON.parse(line);
      expect(isEvent(event)).toBeUndefined();
      if (event.event === 'upload') sent.set(event.digest, event.sent);
      if (event.event === 'blob-pushed') ends.push(event.how);
    }
    expect([...sent.values()].reduce((total, one) => total + one, 0)).toBe(value.uploaded);
    expect(ends).toEqual(['uploaded', 'uploaded', 'uploaded', 'uploaded']);
    const { value: listed } = await json('referrers', ['referrers', `${to.host}/app:1`]);
    expect(listed.referrers).toMatchObject([{ digest: sbom.root.digest }]);
    const plain = await runCli([...pushing.slice(0, -2), '--progress', 'plain', ...store]);
    expect(plain.stdout).toMatch(/@sha256:[0-9a-f]{64} \(0 B sent\)\n1 referrer\n$/);
    expect(plain.stderr.match(/is in the registry/g)).toHaveLength(4);
  });
});
