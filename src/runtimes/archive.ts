import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { type Digest, inflate, parseDigest, type Store, StoreError } from '../../store/index.ts';
import { defaultDotnetRoot } from '../dotnet/muxer.ts';
import { ConvertError } from '../error.ts';
import { editTree } from '../tree/edit.ts';
import { directory } from '../tree/nodes.ts';
import type { OpenLayers } from '../tree/open-layers.ts';
import type { Tree } from '../tree/tree.ts';
import { unreadHint, unreadReason } from '../unread-file.ts';

/** A runtime as it is published: a tar, mostly gzipped, with `dotnet`, `host` and `shared` at its top. */
export interface RuntimeArchive {
  /** What it holds, at `/usr/share/dotnet`. */
  readonly tree: Tree;
  /** The name of the file, without its folder. */
  readonly name: string;
  /** Of the file as it is. */
  readonly digest: Digest;
}

const chunkSize = 1 << 20;

/**
 * Reads a tar as the layer it could be: nothing of it becomes a path of the host. It stays in the store
 * without a name, until garbage is collected.
 * @throws ConvertError `ARCHIVE_INVALID` for what is no tar or ends early, `USAGE` for a file that cannot
 * be read; StoreError `LAYER_LIMIT`, `STORE_FULL`.
 */
export async function openRuntimeArchive(
  store: Store,
  open: OpenLayers,
  path: string,
  options: { readonly signal?: AbortSignal },
): Promise<RuntimeArchive> {
  const hash = createHash('sha256');
  const call = options.signal === undefined ? {} : { signal: options.signal };
  try {
    const bytes = readHashed(path, hash);
    const { diffID } = await store.layers.write(inflate(bytes, store.limits), call);
    const { root } = await open.flatten([diffID]);
    return {
      tree: editTree({ root: directory() }, [{ op: 'set', path: defaultDotnetRoot, node: root }]),
      name: basename(path),
      digest: parseDigest(`sha256:${hash.digest('hex')}`),
    };
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== 'LAYER_CORRUPT') throw error;
    throw new ConvertError(
      'ARCHIVE_INVALID',
      `reading the runtime ${path}: found no whole tar (${error.message}), wanted one as it is published: aspnetcore-runtime-VERSION-linux-x64.tar.gz (or -arm64)`,
      {
        hint: 'compare its SHA512 with the one beside the download, and fetch it again',
        cause: error,
      },
    );
  }
}

async function* readHashed(
  path: string,
  hash: ReturnType<typeof createHash>,
): AsyncGenerator<Uint8Array, void> {
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: chunkSize })) {
      hash.update(chunk);
      yield chunk;
    }
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause)) throw cause;
    const sentence = `reading the runtime ${path}: found ${unreadReason(cause)}, wanted a file`;
    const hint = unreadHint(path, cause);
    throw new ConvertError('USAGE', sentence, { cause, ...(hint && { hint }) });
  }
}
