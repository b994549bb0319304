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

/**
 * The certificates for one host in docker's certs.d layout (containers-certs.d(5)): each `*.crt` is an
 * authority to trust besides the usual ones, `NAME.cert` and `NAME.key` show the server who we are.
 * Undefined where there is no folder for the host: what Node.js trusts is trusted.
 * @throws ConvertError `REGISTRY_TLS` naming the file that is missing or cannot be used.
 */
export async function readCertificates(
  origin: URL,
  { certDir, anonymous = false }: TlsOptions = {},
  env: NodeJS.ProcessEnv = process.env,
): Promise<SecureContext | undefined> {
  if (certDir !== undefined) {
    const found = await readFolder(certDir, anonymous, env);
    if (found === undefined) throw unusable(certDir, 'no such folder');
    return found;
  }
  for (const folder of foldersOf(origin, env)) {
    const found = await readFolder(folder, anonymous, env);
    if (found !== undefined) return found;
  }
  return undefined;
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

async function readFolder(
  folder: string,
  anonymous: boolean,
  env: NodeJS.ProcessEnv,
): Promise<SecureContext | undefined> {
  let names: string[];
  try {
    names = (await readdir(folder)).sort();
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw unusable(folder, `a folder that cannot be read (${code})`);
  }
  const authorities = await Promise.all(
    names.filter((name) => name.endsWith('.crt')).map((name) => readText(join(folder, name))),
  );
  const own = anonymous ? undefined : names.find((name) => name.endsWith('.cert'));
  const certificates = {
    ...(authorities.length > 0 && { ca: [...(await usualAuthorities(env)), ...authorities] }),
    ...(own !== undefined && {
      cert: await readText(join(folder, own)),
      key: await readText(join(folder, own.replace(/cert$/, 'key'))),
    }),
  };
  try {
    // Of authorities, OpenSSL passes over what it cannot read.
    for (const authority of authorities) new X509Certificate(authority);
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
    { hint: 'a folder with ca.crt, and client.cert with client.key where the server wants them' },
  );
}
