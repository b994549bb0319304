import { createHash } from 'node:crypto';
import { StoreError } from './error.ts';

/** `sha256:` and 64 lower-case hex digits (OCI image-spec, descriptor.md "Digests"). */
export type Digest = string & { readonly __brand: 'Digest' };

/** Digest of a layer's uncompressed tar (OCI image-spec, config.md "Layer DiffID"). */
export type DiffID = Digest & { readonly __diffID: true };

const sha256 = /^sha256:[0-9a-f]{64}$/;

export function isDigest(text: string): text is Digest {
  return sha256.test(text);
}

/** @throws StoreError `DIGEST_INVALID` for anything but a sha256 digest in its canonical form. */
export function parseDigest(text: string): Digest {
  if (!isDigest(text)) {
    throw new StoreError(
      'DIGEST_INVALID',
      `reading a digest: found ${JSON.stringify(text.slice(0, 160))}, wanted "sha256:" and 64 lower-case hex digits`,
    );
  }
  return text;
}

/** @throws StoreError `DIGEST_INVALID`. */
export function parseDiffID(text: string): DiffID {
  return parseDigest(text) as DiffID;
}

/** The digest of bytes held in memory. */
export function digestOf(bytes: Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}` as Digest;
}

/** The 64 hex digits, as used in file names. */
export function hexOf(digest: Digest): string {
  return digest.slice('sha256:'.length);
}

const hex = /^[0-9a-f]{64}$/;

/** The digest after which a file is named; undefined where it has another name. */
export function digestFromHex(name: string): Digest | undefined {
  return hex.test(name) ? (`sha256:${name}` as Digest) : undefined;
}

/** The diffID after which a folder is named; undefined where it has another name. */
export function diffIDFromHex(name: string): DiffID | undefined {
  return digestFromHex(name) as DiffID | undefined;
}
