import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Readable } from 'node:stream';
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
  const config = join(folder, 'config.yml');
  const at = async (name: string, text: string): Promise<string> => {
    await writeFile(join(folder, name), text);
    return join(folder, name);
  };
  const { htpasswd, tokens, tls, clientAuthority, storage = join(folder, 'data') } = options;
  const settings = {
    version: 0.1,
    // It says of the port that it was given as a piece of information.
    log: { level: 'info', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: storage }, delete: { enabled: true } },
    http: {
      addr: '127.0.0.1:0',
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
  async function close() {
    child.kill();
    await ended;
    await rm(folder, { recursive: true, force: true });
  }

  try {
    return { host: await placeIn(child.stderr), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Where it says that it listens. What it says later is passed over. */
function placeIn(talk: Readable): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = '';
    const hear = (text: Buffer): void => {
      said += text;
      const [, place] = /listening on (127\.0\.0\.1:\d+)\D/.exec(said) ?? [];
      if (place === undefined) return;
      talk.off('data', hear).resume();
      resolve(place);
    };
    talk.on('data', hear).once('end', () => {
      reject(new Error(`startDockerRegistry: it does not listen: ${said}`));
    });
  });
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
