/** A name with the digest of what it means now: what a name that ends in another one led to. */
export function withDigest(name: string, digest: string): string {
  return `${name.replace(/@sha256:[0-9a-f]{64}$/, '')}@${digest}`;
}
