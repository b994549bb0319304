import { createHash } from 'node:crypto';
import { StoreError } from './error.ts';

/** `sha256:` and 64 lower-case hex digits (OCI image-spec, descriptor.md "Digests"). */
export type Digest = string & { readonly __brand: 'Digest' };

/** Digest of a layer's uncompressed tar (OCI image-spec, config.md "Layer DiffID"). */
export type DiffID = Digest & { readonly __diffID: true };

const sha256 = /^sha256:[0-9a-f]{64}$/;

/** @throws StoreError `DIGEST_INVALID` for anything but a sha256 digest in its canonical form. */
export function parseDigest(text: string): Digest {
  if (!sha256.test(text)) {
    throw new StoreError(
      'DIGEST_INVALID',
      `reading a digest: found ${JSON.stringify(text.slice(0, 160))}, wanted "sha256:" and 64 lower-case hex digits`,
    );
  }
  return text as Digest;
}

export function parseDiffID(text: string): DiffID {
  return parseDigest(text) as DiffID;
}

export function digestOf(bytes: Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}` as Digest;
}

/** The 64 hex digits, as used in file names. */
export function hexOf(digest: Digest): string {
  return digest.slice('sha256:'.length);
}
