import { Buffer } from 'node:buffer';
import { setImmediate as turn } from 'node:timers/promises';
import { type Digest, digestOf, isDigest } from '../digest.ts';
import { StoreError } from '../error.ts';
import type { StoreParts } from '../parts.ts';

/*
 * Documents are told by their shape, whatever their media type says: OCI's (image-index.md,
 * manifest.md, config.md) and Docker's have the same one. `subject` is not followed: it points from
 * a signature to what is signed, and does not need it.
 */

/** In bytes; what is larger is no document, whatever it looks like. Registries have the same cap. */
export const documentCap = 4 * 2 ** 20;

/** Documents read before whatever else is under way gets its turn. */
const stride = 64;

/** One thing that a document refers to. */
export interface Link {
  /** What stands in `manifests`, `config`, `layers` and `rootfs.diff_ids`. */
  readonly role: 'manifest' | 'config' | 'layer' | 'diffID';
  readonly digest: Digest;
  /** In bytes, where the document says so. */
  readonly size?: number;
}

/**
 * What documents refer to: from roots on, through indexes, manifests and image configs, down to
 * configs, layers and diffIDs. It can be walked on from further roots; what was walked is not
 * walked again.
 */
export interface Walk {
  /** The roots and all they lead to, there or not. */
  readonly reached: Set<Digest>;
  /** Blobs that are referred to and not there; an index may name platforms never pulled. */
  readonly missing: Set<Digest>;
  /** What was read as a document, and its links: none for what turned out to be something else. */
  readonly documents: Map<Digest, readonly Link[]>;
  /** Where given, damaged documents are put here, and do not end the walk. */
  readonly damaged?: Map<Digest, StoreError>;
  /** Who has just looked at all blobs says which there are, and spares looking again. */
  readonly isThere?: (blob: Digest) => boolean;
}

export function newWalk(): Walk {
  return { reached: new Set(), missing: new Set(), documents: new Map() };
}

/**
 * Walks on from `roots`: documents, layers and diffIDs. Roots that were missing are looked for
 * again. Returns what it added to `reached`.
 * @throws StoreError `STORE_CORRUPT` with the digest of a document that cannot be read or has other
 * bytes: what it refers to is unknown.
 */
export async function walkGraph(
  parts: Pick<StoreParts, 'files' | 'layout'>,
  roots: Iterable<Digest>,
  walk: Walk,
): Promise<readonly Digest[]> {
  const { files, layout } = parts;
  const { reached, missing, documents, damaged } = walk;
  const added: Digest[] = [];
  const { isThere = (blob) => files.stat(layout.blob(blob)) !== undefined } = walk;

  /** True the first time. */
  const reach = (digest: Digest): boolean => {
    if (reached.has(digest)) return false;
    reached.add(digest);
    added.push(digest);
    return true;
  };

  // Not by recursion: who writes documents decides how deep they lead.
  const open = [...roots].filter((digest) => !documents.has(digest));
  let read = 0;
  for (let digest = open.pop(); digest !== undefined; digest = open.pop()) {
    reach(digest);
    // It may have been reached as a layer before, and have been passed by.
    if (documents.has(digest) || damaged?.has(digest)) continue;
    if (read++ % stride === stride - 1) await turn();
    let links: readonly Link[] | undefined;
    try {
      links = readLinks(parts, digest);
    } catch (error) {
      if (damaged === undefined || !(error instanceof StoreError)) throw error;
      damaged.set(digest, error);
      continue;
    }
    if (links === undefined) {
      // What is held may be the diffID of a layer, which need not be a blob.
      missing.add(digest);
      continue;
    }
    missing.delete(digest);
    documents.set(digest, links);
    for (const { role, digest } of links) {
      if (role === 'manifest' || role === 'config') open.push(digest);
      else if (reach(digest) && role === 'layer' && !isThere(digest)) missing.add(digest);
    }
  }
  return added;
}

/**
 * What the blob refers to, once its digest is verified: nothing where it is no document. Undefined
 * where there is none.
 * @throws StoreError `STORE_CORRUPT`.
 */
export function readLinks(
  { files, layout }: Pick<StoreParts, 'files' | 'layout'>,
  digest: Digest,
): readonly Link[] | undefined {
  const path = layout.blob(digest);
  const corrupt = (found: string, cause?: unknown) =>
    new StoreError('STORE_CORRUPT', `reading ${path}: found ${found}, wanted ${digest}`, {
      cause,
      digest,
      hint: 'osv-convert store verify --repair',
    });
  let bytes: Uint8Array | undefined;
  try {
    const size = files.stat(path)?.size;
    if (size !== undefined && size > documentCap) return [];
    bytes = size === undefined ? undefined : files.readWhole(path);
  } catch (error) {
    throw corrupt('a file that cannot be read', error);
  }
  if (bytes === undefined) return undefined;
  const found = digestOf(bytes);
  if (found !== digest) throw corrupt(`bytes with the digest ${found}`);
  return linksOf(bytes);
}

/** What a document of these bytes refers to; nothing where they are none. */
export function linksOf(bytes: Uint8Array): readonly Link[] {
  // Most of what is no document is compressed; this spares making a text of it.
  if (!mayOpenDocument(bytes[0])) return [];
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'));
  } catch {
    return [];
  }
  const { manifests, config, layers, rootfs } = fieldsOf(value);
  return [
    ...listOf(manifests).flatMap((entry) => linkOf('manifest', entry)),
    ...linkOf('config', config),
    ...listOf(layers).flatMap((entry) => linkOf('layer', entry)),
    ...listOf(fieldsOf(rootfs)['diff_ids']).flatMap((digest) => linkOf('diffID', { digest })),
  ];
}

function linkOf(role: Link['role'], descriptor: unknown): Link[] {
  const { digest, size } = fieldsOf(descriptor);
  // Digests of other kinds lie elsewhere in a layout, where this store neither writes nor removes.
  if (typeof digest !== 'string' || !isDigest(digest)) return [];
  const isSize = typeof size === 'number' && Number.isSafeInteger(size);
  return [isSize ? { role, digest, size } : { role, digest }];
}

/** Whether a document may have this as its first byte: a brace, or a blank before it. */
export function mayOpenDocument(byte: number | undefined): boolean {
  return byte !== undefined && '{ \t\r\n'.includes(String.fromCharCode(byte));
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return value instanceof Object ? (value as Record<string, unknown>) : {};
}
