import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Certificate } from './certificate.ts';
import type { TokenServer } from './token-server.ts';

export interface DockerRegistryOptions {
  /** A folder with its files, which stays; else it is empty. */
  readonly storage?: string;
  /** Lets in only `registryUser`, by Basic authentication. */
  readonly htpasswd?: boolean;
  /** Lets in who brings a token of this server. */
  readonly tokens?: Pick<TokenServer, 'realm' | 'service' | 'issuer' | 'certificate'>;
  /** Speaks TLS with this certificate. */
  readonly tls?: Certificate;
  /** PEM of the authority whose certificates clients must show. */
  readonly clientAuthority?: string;
}

export const registryUser = { username: 'alice', password: 's3cret:pass' };

/** bcrypt of the password above. */
const htpasswdLine = 'alice:$2b$04$XJvTZQomVqSSc/zwYavSRe5EI9zU8ersFpo4WoitOlSleTINWNHZ.\n';

export interface DockerRegistry {
  /** `127.0.0.1:port`, as it stands in a reference. */
  readonly host: string;
  close(): Promise<void>;
}

/** Milliseconds in which it must accept connections. */
const readyWithin = 30_000;

/**
 * The distribution project's registry (Debian: docker-registry) on loopback, plain HTTP and open to
 * all unless `options` say otherwise, its files in a folder of its own. Undefined, with a line that says why, where it is not installed.
 */
export async function startDockerRegistry(
  options: DockerRegistryOptions = {},
): Promise<DockerRegistry | undefined> {
  const program = findProgram('docker-registry');
  if (program === undefined) {
    console.log('skipped: docker-registry is not installed (apt-get install docker-registry)');
    return undefined;
  }
  const folder = await mkdtemp(join(tmpdir(), 'docker-registry-'));
  const port = await freePort();
  const config = join(folder, 'config.yml');
  const at = async (name: string, text: string): Promise<string> => {
    await writeFile(join(folder, name), text);
    return join(folder, name);
  };
  const { htpasswd, tokens, tls, clientAuthority, storage = join(folder, 'data') } = options;
  const settings = {
    version: 0.1,
    log: { level: 'error', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: storage }, delete: { enabled: true } },
    http: {
      addr: `127.0.0.1:${port}`,
      ...(tls && {
        tls: {
          certificate: await at('server.pem', tls.cert),
          key: await at('server-key.pem', tls.key),
          ...(clientAuthority && { clientcas: [await at('clients.pem', clientAuthority)] }),
        },
      }),
    },
    ...(htpasswd && {
      auth: { htpasswd: { realm: 'tests', path: await at('htpasswd', htpasswdLine) } },
    }),
    ...(tokens && {
      auth: {
        token: {
          realm: tokens.realm,
          service: tokens.service,
          issuer: tokens.issuer,
          rootcertbundle: await at('tokens.pem', tokens.certificate),
        },
      },
    }),
  };
  await writeFile(config, JSON.stringify(settings)); // JSON is YAML.

  const child = spawn(program, ['serve', config], { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = once(child, 'exit');
  let said = '';
  child.stderr.on('data', (text) => {
    said += text;
  });
  async function close() {
    child.kill();
    await ended;
    await rm(folder, { recursive: true, force: true });
  }

  const deadline = Date.now() + readyWithin;
  while (!(await accepts(port))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      await close();
      throw new Error(`startDockerRegistry: it does not listen on port ${port}: ${said}`);
    }
    await sleep(20);
  }
  return { host: `127.0.0.1:${port}`, close };
}

/** The file of a program on PATH. */
export function findProgram(name: string): string | undefined {
  const files = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, name));
  return files.find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') {
    throw new Error('freePort: the server did not listen on a port');
  }
  return address.port;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
