import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { askHelper } from '../../../src/source/auth/helper.ts';
import { forgetCredentials, keepCredentials } from '../../../src/source/auth/keep.ts';
import { isKeyOf, keyOf, matchingKeys } from '../../../src/source/auth/match.ts';
import { authFilesOf, type Place } from '../../../src/source/auth/place.ts';
import { userCredentials } from '../../../src/source/auth/user.ts';
import { parseRegistry } from '../../../src/source/registry/registry-name.ts';
import { writeProgram } from '../../support/write-program.ts';

let home = '';
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'auth-test-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

/** A home of its own, in which helpers are found in `bin`. */
function place(env: NodeJS.ProcessEnv = {}): Place {
  const runtime = { XDG_RUNTIME_DIR: join(home, 'run') };
  return { home, env: { PATH: `${join(home, 'bin')}:/usr/bin:/bin`, ...runtime, ...env } };
}

async function write(path: string, content: unknown): Promise<string> {
  const file = join(home, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
}

const dockerFile = (content: unknown) => write('.docker/config.json', content);

/** A credential helper that runs `script`; `$1` is the verb. */
async function helper(name: string, script: string): Promise<void> {
  await mkdir(join(home, 'bin'), { recursive: true });
  writeProgram(join(home, `bin/docker-credential-${name}`), `#!/bin/sh\n${script}\n`);
}

const auth = (username: string, password: string) => ({
  auth: Buffer.from(`${username}:${password}`).toString('base64'),
});
const basic = (username: string, password: string) =>
  expect.objectContaining({ kind: 'basic', username, password });
const failure = (code: string, ...texts: readonly string[]) =>
  expect.objectContaining({
    code,
    message: expect.stringMatching(new RegExp(texts.join('.*'), 's')),
  });

describe('matchingKeys', () => {
  test.each([
    ['quay.io', ['quay.io'], ['quay.io']],
    ['quay.io', ['quay.io:443', 'xquay.io', 'quay.io.evil.test', 'io', 'quay.iox'], []],
    ['quay.io', ['https://quay.io', 'http://quay.io/v2/', 'quay.io/v1/'], 'all'],
    ['docker.io', ['https://index.docker.io/v1/', 'docker.io', 'registry-1.docker.io'], 'all'],
    ['docker.io', ['hub.docker.io', 'docker.io.evil.test', 'evil.test/docker.io'], []],
    ['localhost:5000', ['localhost', 'localhost:500', 'localhost:5000'], ['localhost:5000']],
    [
      'quay.io',
      ['quay.io', 'quay.io/acme', 'quay.io/acme/app', 'quay.io/acm', 'quay.io/acme/app/x'],
      ['quay.io/acme/app', 'quay.io/acme', 'quay.io'],
    ],
    ['quay.io', ['QUAY.io'], ['QUAY.io']],
  ] as const)('finds for acme/app at %s among %j', (registry, keys, wanted) => {
    const found = matchingKeys(keys, registry, 'acme/app');
    expect(found).toEqual(wanted === 'all' ? keys : wanted);
  });

  const label = fc.constantFrom('a', 'b', 'ab', 'a.b', 'docker', 'x');
  const host = fc
    .tuple(label, fc.constantFrom('', ':1', ':12'))
    .map(([name, port]) => `${name}.io${port}`);
  const path = fc.array(label, { maxLength: 3 });

  test('finds whole components and nothing else when hosts and paths are alike', () => {
    const key = fc.tuple(host, path).map(([first, rest]) => [first, ...rest].join('/'));
    fc.assert(
      fc.property(fc.uniqueArray(key), host, path, (keys, registry, components) => {
        const wanted = [registry, ...components];
        const prefixes = wanted.map((_each, length) => wanted.slice(0, length + 1).join('/'));
        const oracle = prefixes.reverse().filter((prefix) => keys.includes(prefix));
        const repository = components.length === 0 ? undefined : components.join('/');
        expect(matchingKeys(keys, registry, repository)).toEqual(oracle);
      }),
      { numRuns: 1000 },
    );
  });

  test('finds what keyOf names when it is for the whole registry, whatever the keys', () => {
    fc.assert(
      fc.property(host, fc.array(fc.string()), (registry, others) => {
        expect(isKeyOf(keyOf(registry), registry)).toBe(true);
        const found = matchingKeys([keyOf(registry), ...others], registry);
        expect(found).toContain(keyOf(registry));
      }),
    );
    expect(isKeyOf(keyOf('docker.io'), 'docker.io')).toBe(true);
  });
});

describe('userCredentials', () => {
  const find = (registry = 'quay.io', repository?: string, env?: NodeJS.ProcessEnv) =>
    userCredentials(place(env)).find(registry, repository);

  test('looks into podman’s files, then docker’s, and the first that has something counts', async () => {
    expect(await find()).toBeUndefined();
    await dockerFile({ auths: { 'quay.io': auth('docker', 'p') } });
    expect(await find()).toEqual(basic('docker', 'p'));
    await write('.config/containers/auth.json', { auths: { 'quay.io': auth('config', 'p') } });
    expect(await find()).toEqual(basic('config', 'p'));
    await write('run/containers/auth.json', { auths: { 'other.io': auth('x', 'y') } });
    expect(await find()).toEqual(basic('config', 'p'));
    await write('run/containers/auth.json', { auths: { 'quay.io': auth('run', 'p') } });
    expect(await find()).toEqual(basic('run', 'p'));
  });

  test('looks into REGISTRY_AUTH_FILE only when that is set', async () => {
    await dockerFile({ auths: { 'quay.io': auth('docker', 'p') } });
    const file = join(home, 'mine.json');
    expect(await find('quay.io', undefined, { REGISTRY_AUTH_FILE: file })).toBeUndefined();
    await write('mine.json', { auths: { 'quay.io': auth('mine', 'p') } });
    const found = await find('quay.io', undefined, { REGISTRY_AUTH_FILE: file });
    expect(found).toEqual({ kind: 'basic', username: 'mine', password: 'p', origin: file });
    expect(authFilesOf(place({ DOCKER_CONFIG: '/d' })).at(-1)).toBe('/d/config.json');
    expect(authFilesOf(place({ XDG_RUNTIME_DIR: '' }))[0]).toMatch(
      /^\/run\/containers\/\d+\/auth.json$/,
    );
  });

  test.each<[string, object, unknown]>([
    ['auth with a colon in the password', auth('me', 'a:b'), basic('me', 'a:b')],
    ['auth that docker padded', auth('me', 'pw\0\0'), basic('me', 'pw')],
    ['user name and password', { username: 'me', password: 'pw' }, basic('me', 'pw')],
    [
      'an identity token',
      { ...auth('me', ''), identitytoken: 'idt' },
      expect.objectContaining({ kind: 'identity-token', token: 'idt' }),
    ],
    ['nothing, as docker writes beside a helper', {}, undefined],
  ])('reads %s', async (_what, entry, wanted) => {
    await dockerFile({ auths: { 'quay.io': entry } });
    expect(await find()).toEqual(wanted);
  });

  test('takes the entry of the repository before that of the registry', async () => {
    await dockerFile({
      auths: { 'quay.io': auth('all', 'p'), 'quay.io/acme': auth('acme', 'p') },
      credHelpers: { 'quay.io': 'broken' },
    });
    expect(await find('quay.io', 'acme/app')).toEqual(basic('acme', 'p'));
    await expect(find('quay.io', 'acmes/app')).rejects.toThrowError(
      failure('CREDENTIALS_INVALID', 'docker-credential-broken', 'config.json'),
    );
  });

  test('reads Docker Hub’s entry under its old key', async () => {
    await dockerFile({ auths: { 'https://index.docker.io/v1/': auth('hub', 'p') } });
    expect(await find('docker.io', 'library/nginx')).toEqual(basic('hub', 'p'));
  });

  test.each([
    ['text that is no JSON', '{"auths": s3cret'],
    ['JSON that is no object', '["s3cret"]'],
    ['auths that are no object', '{"auths":"s3cret"}'],
    ['an entry that is no object', '{"auths":{"quay.io":"s3cret"}}'],
    ['an auth without a colon', '{"auths":{"quay.io":{"auth":"s3cret"}}}'],
    ['an auth that is no text', '{"auths":{"quay.io":{"auth":["s3cret"]}}}'],
    ['a helper with a path', '{"credsStore":"../../s3cret"}'],
  ])('fails naming the file and no secret when it finds %s', async (_what, text) => {
    const file = await dockerFile(text);
    const error: unknown = await find().catch((reason: unknown) => reason);
    expect(error).toEqual(failure('CREDENTIALS_INVALID', file));
    expect(JSON.stringify(error) + String(error)).not.toContain('s3cret');
    expect(error).not.toHaveProperty('cause');
  });

  test('fails naming the file when it cannot be read, and not for other entries', async () => {
    await mkdir(join(home, '.docker/config.json'), { recursive: true });
    await expect(find()).rejects.toThrowError(failure('CREDENTIALS_INVALID', 'EISDIR'));
    await rm(join(home, '.docker/config.json'), { recursive: true });
    await dockerFile({ auths: { 'other.io': 'nonsense', 'quay.io': auth('me', 'p') } });
    expect(await find()).toEqual(basic('me', 'p'));
  });
});

describe('credential helpers', () => {
  const find = (registry = 'quay.io') => userCredentials(place()).find(registry);

  test('are asked by the host on stdin, that of the registry before the general one', async () => {
    await dockerFile({ credsStore: 'all', credHelpers: { 'quay.io': 'own' } });
    const answer = 'printf \'{"Username":"%s","Secret":"%s"}\'';
    await helper('own', `${answer} "own-$1" "$(cat)-$#"`);
    await helper('all', `${answer} "all-$1" "$(cat)-$#"`);
    expect(await find()).toEqual(basic('own-get', 'quay.io-1'));
    expect(await find('other.io')).toEqual(basic('all-get', 'other.io-1'));
    expect(await find('docker.io')).toEqual(basic('all-get', 'https://index.docker.io/v1/-1'));
  });

  test('lead to an identity token when the user name says so', async () => {
    await dockerFile({ credsStore: 'all' });
    await helper('all', 'echo \'{"Username":"<token>","Secret":"idt"}\'');
    expect(await find()).toMatchObject({
      kind: 'identity-token',
      token: 'idt',
      origin: expect.stringMatching(/^docker-credential-all \(named in .*config.json\)$/),
    });
  });

  test('mean the file, or nobody, when they have nothing', async () => {
    await dockerFile({ credsStore: 'all', auths: { 'quay.io': auth('file', 'p') } });
    await helper('all', 'echo "credentials not found in native keychain"; exit 1');
    expect(await find()).toEqual(basic('file', 'p'));
    expect(await find('docker.io')).toBeUndefined();
    await helper('all', 'echo \'{"Username":"","Secret":""}\'');
    expect(await find('docker.io')).toBeUndefined();
  });

  test.each([
    ['fails', 'echo s3cret; echo s3cret >&2; exit 3', 'exit code 3'],
    ['prints no JSON', 'echo s3cret', 'not JSON'],
    ['prints another JSON', 'echo \'["s3cret"]\'', 'without Username and Secret'],
    ['prints without end', 'yes s3cret', 'more than 262144 bytes'],
    ['is not installed', undefined, 'no such program on PATH'],
  ])('are named with their file when one %s', async (_what, script, text) => {
    const file = await dockerFile({ credsStore: 'bad' });
    if (script !== undefined) await helper('bad', script);
    const error: unknown = await find().catch((reason: unknown) => reason);
    expect(error).toEqual(failure('CREDENTIALS_INVALID', 'docker-credential-bad', text, file));
    expect(JSON.stringify(error) + String(error)).not.toContain('s3cret');
  });

  test('are ended when they do not answer in time', async () => {
    await helper('slow', 'exec sleep 600');
    const { env } = place();
    await expect(
      askHelper({ name: 'slow', file: 'config.json', env, limit: 50 }, 'quay.io'),
    ).rejects.toThrowError(failure('CREDENTIALS_INVALID', 'no answer within 0.05 s'));
  });
});

describe('keepCredentials', () => {
  const alice = { username: 'alice', password: 'pä:ss' };
  const find = (registry: string) => userCredentials(place()).find(registry);

  test('makes docker’s file for the user only, and keeps what others have there', async () => {
    const file = await keepCredentials('quay.io', alice, place());
    expect(file).toBe(join(home, '.docker/config.json'));
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await stat(dirname(file))).mode & 0o777).toBe(0o700);
    expect(await find('quay.io')).toEqual(basic('alice', 'pä:ss'));

    await dockerFile({
      proxies: { default: {} },
      auths: { 'https://quay.io': auth('old', 'p'), 'x.io': {} },
    });
    await chmod(file, 0o644);
    await keepCredentials('quay.io', alice, place());
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual({
      proxies: { default: {} },
      auths: { 'x.io': {}, 'quay.io': auth('alice', 'pä:ss') },
    });
  });

  test('writes Docker Hub’s entry under the key that docker reads', async () => {
    const file = await keepCredentials('docker.io', alice, place());
    const { auths } = JSON.parse(await readFile(file, 'utf8'));
    expect(Object.keys(auths)).toEqual(['https://index.docker.io/v1/']);
  });

  test('goes through a link and leaves it one', async () => {
    const real = await write('dotfiles/config.json', {});
    await mkdir(join(home, '.docker'));
    await symlink(real, join(home, '.docker/config.json'));
    const file = await keepCredentials('quay.io', alice, place());
    expect((await lstat(file)).isSymbolicLink()).toBe(true);
    expect(await readFile(real, 'utf8')).toContain('quay.io');
  });

  test('fails naming the file, and no secret, when it cannot be written', async () => {
    await write('file', '');
    const env = { REGISTRY_AUTH_FILE: join(home, 'file/auth.json') };
    const error: unknown = await keepCredentials('quay.io', alice, place(env)).catch(
      (reason: unknown) => reason,
    );
    expect(error).toEqual(failure('OUTPUT_UNUSABLE', env.REGISTRY_AUTH_FILE));
    expect(String(error)).not.toContain('pä:ss');
  });

  test('gives them to the helper that the file names, and forgetCredentials takes them away', async () => {
    const text = { credHelpers: { 'quay.io': 'mem' } };
    const file = await dockerFile(text);
    const kept = join(home, 'kept');
    await helper(
      'mem',
      `case $1 in
store) cat > ${kept};;
get) cat ${kept} 2>/dev/null || { echo credentials not found in native keychain; exit 1; };;
erase) rm ${kept};;
esac`,
    );
    expect(await keepCredentials('quay.io', alice, place())).toContain('docker-credential-mem');
    expect(JSON.parse(await readFile(kept, 'utf8'))).toEqual({
      ServerURL: 'quay.io',
      Username: 'alice',
      Secret: 'pä:ss',
    });
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual(text);
    expect(await find('quay.io')).toEqual(basic('alice', 'pä:ss'));
    expect(await forgetCredentials('quay.io', place())).toEqual([
      `docker-credential-mem (named in ${file})`,
    ]);
    expect(await find('quay.io')).toBeUndefined();
    expect(await forgetCredentials('quay.io', place())).toEqual([]);
  });
});

test('forgetCredentials takes every spelling of a registry out of every file, and nothing else', async () => {
  const podman = await write('run/containers/auth.json', {
    auths: { 'docker.io': auth('a', 'b'), 'docker.io/acme': auth('c', 'd') },
  });
  const docker = await dockerFile({
    auths: { 'https://index.docker.io/v1/': auth('a', 'b'), 'quay.io': auth('e', 'f') },
  });
  expect(await forgetCredentials('docker.io', place())).toEqual([podman, docker]);
  const keysOf = async (file: string) =>
    Object.keys(JSON.parse(await readFile(file, 'utf8')).auths);
  expect(await keysOf(podman)).toEqual(['docker.io/acme']);
  expect(await keysOf(docker)).toEqual(['quay.io']);
});

test('parseRegistry reads hosts and refuses names', () => {
  expect(['quay.io', 'LOCALHOST:5000', '[::1]:5000', 'index.docker.io'].map(parseRegistry)).toEqual(
    ['quay.io', 'localhost:5000', '[::1]:5000', 'docker.io'],
  );
  for (const text of ['quay', '', 'quay.io/acme', 'https://quay.io', 'a b']) {
    expect(() => parseRegistry(text)).toThrowError(failure('REFERENCE_INVALID'));
  }
});
