import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createAuthority } from '../../support/certificate.ts';
import {
  type DockerRegistry,
  findProgram,
  registryUser,
  startDockerRegistry,
} from '../../support/docker-registry.ts';
import { startRegistry } from '../../support/registry/registry.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { top } from '../../support/top.ts';
import { writeProgram } from '../../support/write-program.ts';

const program = join(top, 'dist/bin/osv-convert.cjs');
const authority = createAuthority();
const { username, password } = registryUser;
const withRegistry = describe.skipIf(findProgram('docker-registry') === undefined);

const folder = temporaryFolder('login');
let home = '';
let registry: DockerRegistry | undefined;
let host = '';

beforeAll(async () => {
  await writeFile(join(folder, 'ca.crt'), authority.cert);
  registry = await startDockerRegistry({ htpasswd: true, tls: authority.issue() });
  host = registry?.host ?? '';
});
beforeEach(async () => {
  home = await mkdtemp(join(folder, 'home-'));
});
afterAll(async () => {
  await registry?.close();
});

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program with a home of its own; `type` sees all its output and answers it. */
async function run(
  command: readonly [string, ...string[]],
  input: string | ((output: string, type: (text: string) => void) => void),
): Promise<Ended> {
  const [name, ...args] = command;
  const child = spawn(name, args, {
    env: { PATH: `${home}/bin:${process.env['PATH']}`, HOME: home, XDG_RUNTIME_DIR: home },
  });

  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    if (typeof input === 'function') input(stdout, (typed) => void child.stdin.write(typed));
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  if (typeof input === 'string') child.stdin.end(input);
  const [code] = await once(child, 'close');
  return { code, stdout, stderr };
}

const osvConvert = (args: readonly string[], input = '') =>
  run([process.execPath, program, ...args], input);
const secure = () => ['--no-plain-http', '--cert-dir', folder];
const login = (input: string, ...args: readonly string[]) =>
  osvConvert(['login', host, ...secure(), '-u', username, '--password-stdin', ...args], input);

withRegistry('osv-convert login', () => {
  test('keeps a password that the registry takes, and logout forgets it', async () => {
    const { code, stdout, stderr } = await login(`${password}\n`);
    const file = join(home, '.docker/config.json');
    expect(stderr).toBe('');
    expect(stdout).toBe(`logged in to ${host} as ${username}, kept in ${file}\n`);
    expect(code).toBe(0);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const auth = Buffer.from(`${username}:${password}`).toString('base64');
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual({ auths: { [host]: { auth } } });

    const out = await osvConvert(['logout', host, '--json']);
    expect(JSON.parse(out.stdout)).toEqual({ registry: host, removedFrom: [file] });
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual({ auths: {} });
    const again = await osvConvert(['logout', host]);
    expect(again).toMatchObject({ code: 0, stdout: `found nothing kept for ${host}\n` });
  });

  test('keeps nothing when the registry refuses, and says no secret', async () => {
    const { code, stdout, stderr } = await login('wrong-s3cret');
    expect(stdout).toBe('');
    expect(stderr).toContain('(AUTH_REQUIRED)');
    expect(stderr).not.toContain('s3cret');
    expect(code).toBe(4);
    await expect(stat(join(home, '.docker'))).rejects.toThrowError('ENOENT');
  });

  test('gives the password to the helper, and nobody sees it in ps', async () => {
    await mkdir(join(home, 'bin'));
    await mkdir(join(home, '.docker'));
    const helper = join(home, 'bin/docker-credential-see');
    writeProgram(
      helper,
      '#!/bin/sh\nps axww -o args > "$HOME/ps"\n[ $1 = get ] && exec cat "$HOME/store"\ncat > "$HOME/$1"\n',
    );
    await writeFile(join(home, '.docker/config.json'), '{"credsStore":"see"}');
    const { code, stdout } = await login(password, '--json');
    expect(code).toBe(0);
    const keptIn = `docker-credential-see (named in ${home}/.docker/config.json)`;
    const ended = { registry: host, username, verified: true, keptIn, used: keptIn };
    expect(JSON.parse(stdout)).toEqual(ended);
    expect(JSON.parse(await readFile(join(home, 'store'), 'utf8'))).toMatchObject({
      Secret: password,
    });
    const processes = await readFile(join(home, 'ps'), 'utf8');
    expect(processes).toContain(`login ${host}`);
    expect(processes).not.toContain(password);
  });

  test('says so when what podman keeps comes first', async () => {
    const auths = { [host]: { username: 'other', password: 'p' } };
    await mkdir(join(home, 'containers'));
    await writeFile(join(home, 'containers/auth.json'), JSON.stringify({ auths }));
    const { code, stdout } = await login(password);
    expect(code).toBe(0);
    expect(stdout).toContain(`it is not used: ${home}/containers/auth.json comes first`);
  });

  test('is what a pull uses from then on, and no secret of it is told', async () => {
    await login(password);
    const pull = () => {
      const talk = ['--store', join(home, 'store'), '--progress', 'json'];
      return osvConvert(['pull', `${host}/acme/none:1`, ...secure(), ...talk]);
    };
    const file = join(home, '.docker/config.json');
    expect(await pull()).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/MANIFEST_UNKNOWN|NAME_UNKNOWN/),
    });
    const auth = Buffer.from(`${username}:wrong-s3cret`).toString('base64');
    await writeFile(file, JSON.stringify({ auths: { [host]: { auth } } }));
    const { code, stdout, stderr } = await pull();
    expect(code).toBe(4);
    expect(stderr).toContain(file);
    expect(stderr).toContain(`osv-convert login ${host}`);
    expect(stdout + stderr).not.toMatch(new RegExp(`s3cret|${auth}`));
  });

  test.skipIf(findProgram('script') === undefined)(
    'asks on a terminal and does not echo the password',
    async () => {
      const line = [process.execPath, program, 'login', host, ...secure()].join(' ');
      const answers: [string, string][] = [
        ['User name: ', `${username}\r`],
        [`Password of ${username}: `, `${password}\r`],
      ];
      const { stdout, code } = await run(['script', '-qefc', line, '/dev/null'], (output, type) => {
        const [question, answer] = answers[0] ?? [];
        if (question !== undefined && answer !== undefined && output.includes(question)) {
          answers.shift();
          type(answer);
        }
      });
      expect(stdout).toContain(`logged in to ${host} as ${username}`);
      expect(stdout).not.toContain(password);
      expect(code).toBe(0);
    },
  );
});

describe('osv-convert login without a registry', () => {
  test.each([
    ['there is no terminal', ['localhost:1'], 2, 'USAGE', 'no terminal'],
    ['a password comes without a name', ['localhost:1', '--password-stdin'], 2, 'USAGE', '-u'],
    [
      'the password is empty',
      ['localhost:1', '-u', 'a', '--password-stdin'],
      2,
      'USAGE',
      'no password',
    ],
    ['the name has a colon', ['localhost:1', '-u', 'a:b', '--password-stdin'], 2, 'USAGE', '":"'],
    ['the host is none', ['nothost', '-u', 'a'], 2, 'REFERENCE_INVALID', 'no host'],
  ])('fails by its code when %s', async (_what, args, exit, code, text) => {
    const input = args.includes('a:b') ? 'secret' : '';
    const ended = await osvConvert(['login', ...args], input);
    expect(ended).toMatchObject({ code: exit, stdout: '' });
    expect(ended.stderr).toContain(text);
    expect(ended.stderr).toContain(`(${code})`);
  });

  test('refuses a secret that has no end', async () => {
    const args = ['login', 'localhost:1', '-u', 'a', '--password-stdin'];
    const { code, stderr } = await osvConvert(args, 'x'.repeat(100_000));
    expect(code).toBe(2);
    expect(stderr).toContain('more than 65536 bytes');
  });

  test('says so when the registry wants no password, and when it is none', async () => {
    const open = await startRegistry({ images: {} });
    const args = (port: string) => ['login', port, '-u', 'a', '--password-stdin'];
    const kept = await osvConvert(args(open.host), 'secret');
    expect(kept).toMatchObject({ code: 0, stdout: expect.stringContaining('is not verified') });
    await open.close();
    const gone = await osvConvert(args(open.host), 'secret');
    expect(gone).toMatchObject({ code: 5, stdout: '' });
  });
});
