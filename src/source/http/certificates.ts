import { X509Certificate } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls';
import { ConvertError } from '../../error.ts';

/** Whom to trust and who to be, in TLS. A certificate that does not verify is never accepted. */
export interface TlsOptions {
  /**
   * A folder in the layout of docker's certs.d (*.crt, *.cert with *.key) for every host a registry
   * leads to, in place of the user's and the machine's certs.d folders.
   */
  readonly certDir?: string;
  /** True: authorities are trusted, but we show no certificate of ours. */
  readonly anonymous?: boolean;
}

/** Where certificates are looked for, besides `TlsOptions`. */
export interface Surroundings {
  readonly env?: NodeJS.ProcessEnv;
  /** PEM of authorities to trust besides those of Node.js. */
  readonly authorities?: string | undefined;
}

/**
 * The certificates for one host in docker's certs.d layout (containers-certs.d(5)): each `*.crt` is an
 * authority to trust besides the usual ones, `NAME.cert` and `NAME.key` show the server who we are.
 * Undefined where there is no folder for the host: what Node.js trusts is trusted.
 * @throws ConvertError `REGISTRY_TLS` naming the file that is missing or cannot be used.
 */
export async function readCertificates(
  origin: URL,
  { certDir, anonymous = false }: TlsOptions = {},
  { env = process.env, authorities }: Surroundings = {},
): Promise<SecureContext | undefined> {
  const wanted = { anonymous, env, authorities };
  if (certDir !== undefined) {
    const found = await readFolder(certDir, wanted);
    if (found !== undefined) return found;
    throw unusable(certDir, 'no such folder');
  }
  for (const folder of foldersOf(origin, env)) {
    // One that is closed to us, as whatever is below a folder of root's may be, is not for us.
    const found = await readFolder(folder, wanted, ['EACCES']);
    if (found !== undefined) return found;
  }
  if (authorities === undefined) return undefined;
  return createSecureContext({ ca: [...(await usualAuthorities(env)), authorities] });
}

function foldersOf({ host, port }: URL, env: NodeJS.ProcessEnv): readonly string[] {
  const parents = [
    join(env['XDG_CONFIG_HOME'] || join(homedir(), '.config'), 'containers/certs.d'),
    '/etc/containers/certs.d',
    '/etc/docker/certs.d',
  ];
  // A URL leaves its usual port out, a reference may have it.
  const names = port === '' ? [host, `${host}:443`] : [host];
  return parents.flatMap((parent) => names.map((name) => join(parent, name)));
}

/** Undefined where there is none, or what lists it fails with one of `passed`. */
async function readFolder(
  folder: string,
  wanted: Required<Pick<TlsOptions, 'anonymous'>> & Required<Surroundings>,
  passed: readonly string[] = [],
): Promise<SecureContext | undefined> {
  let names: string[];
  try {
    names = (await readdir(folder)).sort();
  } catch (error) {
    const code = codeOf(error);
    if (['ENOENT', 'ENOTDIR', ...passed].includes(code)) return undefined;
    throw unusable(folder, `a folder that cannot be read (${code})`);
  }
  const own = await Promise.all(
    names.filter((name) => name.endsWith('.crt')).map((name) => readText(join(folder, name))),
  );
  const authorities = [wanted.authorities ?? [], own].flat();
  const identity = wanted.anonymous ? undefined : names.find((name) => name.endsWith('.cert'));
  const certificates = {
    ...(authorities.length > 0 && {
      ca: [...(await usualAuthorities(wanted.env)), ...authorities],
    }),
    ...(identity !== undefined && {
      cert: await readText(join(folder, identity)),
      key: await readText(join(folder, identity.replace(/cert$/, 'key'))),
    }),
  };
  try {
    // Of authorities, OpenSSL passes over what it cannot read.
    for (const authority of own) new X509Certificate(authority);
    return createSecureContext(certificates);
  } catch (error) {
    throw unusable(folder, `a certificate or key that cannot be used (${codeOf(error)})`);
  }
}

/** Those of Node.js: who names some more to `tls.connect` has to name them too. */
async function usualAuthorities(env: NodeJS.ProcessEnv): Promise<readonly string[]> {
  const extra = env['NODE_EXTRA_CA_CERTS'];
  return extra ? [...rootCertificates, await readText(extra)] : rootCertificates;
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw unusable(file, `no readable file (${codeOf(error)})`);
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
}

function unusable(path: string, found: string): ConvertError {
  return new ConvertError(
    'REGISTRY_TLS',
    `reading certificates: found ${found} at ${path}, wanted the layout of docker's certs.d`,
    {
      hint: 'give a folder with ca.crt, and client.cert with client.key where the server wants them',
    },
  );
}
