import { readFile } from 'node:fs/promises';

/** Where the systems that Linux comes with keep whom they trust, all in one file (Go, crypto/x509/root_linux.go). */
const bundles = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/tls/cacert.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

/**
 * PEM of the authorities this machine trusts, those of `SSL_CERT_FILE` if that is set; undefined where
 * there is no such file. Node.js has a list of its own, and an organization's authority is in this one.
 */
export async function systemAuthorities(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const chosen = env['SSL_CERT_FILE'];
  for (const file of chosen ? [chosen] : bundles) {
    const text = await readFile(file, 'utf8').catch(() => undefined);
    if (text !== undefined) return text;
  }
  return undefined;
}

/** True of a certificate that one more authority might vouch for. */
export function isOfUnknownAuthority(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return /^(UNABLE_TO_(GET_ISSUER_CERT|VERIFY_LEAF)|SELF_SIGNED_CERT|DEPTH_ZERO_SELF_)/.test(code);
}
