import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { push } from '../../src/copy/push.ts';
import type { CredentialSource } from '../../src/source/auth/credentials.ts';
import { openStore } from '../../store/index.ts';
import { createAuthority } from './certificate.ts';
import { type CliOptions, type CliResult, runCli } from './cli.ts';
import { findProgram, registryUser, startDockerRegistry } from './docker-registry.ts';
import type { Image } from './image.ts';
import { writeLayout } from './layout.ts';
import { type ShortLine, startShortLine } from './short-line.ts';
import { startTokenServer } from './token-server.ts';

const run = promisify(execFile);

/** How a docker-registry lets its user in; `tls`: with a password too, over TLS of an own authority. */
export const settings = ['htpasswd', 'tokens', 'tls'] as const;

export type Setting = (typeof settings)[number];

/** What these tests need of the machine and it lacks. */
export const missingPeers = ['docker-registry', 'skopeo'].filter(
  (name) => findProgram(name) === undefined,
);
if (missingPeers.length > 0) {
  console.log(`skipped: not installed (apt-get install ${missingPeers.join(' ')})`);
}

export interface Site {
  /** `127.0.0.1:port`, as it stands in a reference. */
  readonly host: string;
  /** Bytes its docker-registry has sent, as they were on the wire. */
  sent(): number;
}

export type Sites = Awaited<ReturnType<typeof openSites>>;

/** Commands that take no option about how a registry is reached. */
const localCommands = ['images', 'load', 'tag', 'rm', 'logout'];

/** Two docker-registries, `near` and `far`, in one setting, and a user who has their password and their authority. */
export async function openSites(setting: Setting) {
  const folder = await mkdtemp(join(tmpdir(), 'osv-convert-sites-'));
  const closers = [() => rm(folder, { recursive: true, force: true })];
  const authority = createAuthority();
  const { username, password } = registryUser;
  const authFile = join(folder, 'auth.json');
  /** What `--plain-http` and `plainHttp` are to be. */
  const plainHttp = setting !== 'tls';
  const store = openStore(join(folder, 'publishing'));
  const hosts: [string, object][] = [];
  await writeFile(join(folder, 'ca.crt'), authority.cert);
  const env = {
    HOME: folder,
    REGISTRY_AUTH_FILE: authFile,
    OSV_CONVERT_CONFIG: undefined,
    XDG_CONFIG_HOME: undefined,
  };

  /** Runs the tool as this user would. */
  async function cli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
    const [command = ''] = args;
    const reach = plainHttp || localCommands.includes(command) ? [] : ['--no-plain-http'];
    return await runCli([...args, ...reach], { ...options, env: { ...env, ...options.env } });
  }

  /** What the tool prints with `--json`. @throws Error when it fails. */
  async function json(args: readonly string[], options: CliOptions = {}) {
    const { code, stdout, stderr } = await cli([...args, '--json'], options);
    if (code !== 0) throw new Error(`osv-convert ${args.join(' ')} ended with ${code}: ${stderr}`);
    return JSON.parse(stdout);
  }

  /** What skopeo prints, with the same credentials and authorities. @throws Error when it fails. */
  async function skopeo(command: string, ...args: readonly string[]): Promise<string> {
    const sides = command === 'copy' ? ['src-', 'dest-'] : [''];
    const reach = plainHttp ? sides.map((side) => `--${side}tls-verify=false`) : [];
    const words = ['--insecure-policy', command, ...reach, ...args];
    const { stdout } = await run('skopeo', words, { env: { ...process.env, ...env } });
    return stdout;
  }

  let published = 0;
  /** Gives an image to a registry, without a process of its own. */
  async function publish(image: Image, target: string): Promise<void> {
    published += 1;
    const layout = join(folder, `published-${published}`);
    await writeLayout(layout, 'it', image);
    const credentials: CredentialSource = {
      find: async () => ({ kind: 'basic', ...registryUser, origin: 'the test' }),
    };
    const registry = { credentials, plainHttp, tls: { certDir: folder } };
    const { digest } = await push(await store, `oci:${layout}:it`, target, { registry });
    if (digest !== image.root.digest) throw new Error(`publish: ${target} became ${digest}`);
  }

  /** Gives the user of `host` its password and its authority (containers-certs.d(5)). */
  async function introduce(host: string): Promise<void> {
    const certs = join(folder, '.config/containers/certs.d', host);
    await mkdir(certs, { recursive: true });
    await writeFile(join(certs, 'ca.crt'), authority.cert);
    const auth = Buffer.from(`${username}:${password}`).toString('base64');
    hosts.push([host, { auth }]);
    await writeFile(authFile, JSON.stringify({ auths: Object.fromEntries(hosts) }));
  }

  async function lineTo(host: string, arrived: () => number): Promise<ShortLine> {
    const line = await startShortLine(host, arrived);
    closers.push(line.close);
    await introduce(line.host);
    return line;
  }

  const tokens =
    setting === 'tokens' ? await startTokenServer({ users: { [username]: password } }) : undefined;
  if (tokens !== undefined) closers.push(tokens.close);

  async function start(): Promise<string> {
    const registry = await startDockerRegistry({
      ...(tokens === undefined ? { htpasswd: true } : { tokens }),
      ...(plainHttp ? {} : { tls: authority.issue() }),
    });
    if (registry === undefined) throw new Error('docker-registry is not installed');
    closers.push(registry.close);
    return registry.host;
  }

  async function openSite(host: string): Promise<Site> {
    // Nothing waits on this one: it is there to count.
    const line = await lineTo(host, () => Number.POSITIVE_INFINITY);
    return { host: line.host, sent: line.carried };
  }

  const nearHost = await start();
  return {
    near: await openSite(nearHost),
    far: await openSite(await start()),
    ...{ folder, plainHttp, user: registryUser, cli, json, skopeo, publish },
    /** Another line to the near registry, with as little on its way as `arrived` has it. */
    shortLine: (arrived: () => number) => lineTo(nearHost, arrived),
    async close(): Promise<void> {
      for (const close of closers.reverse()) await close();
    },
  };
}
