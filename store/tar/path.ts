import type { Buffer } from 'node:buffer';
import type { EntryPath, OpaqueEntry, WhiteoutEntry } from '../entry.ts';
import type { Limits } from '../limits.ts';
import { decodeName } from '../names/name.ts';
import { corruptTar, tarOverLimit } from './error.ts';

/**
 * A name of the tar as a path of the image: leading slashes and `.` components dropped, `''` for
 * the root. A `..` is refused wherever it stands: no image builder writes one, and what it would
 * mean depends on symlinks of other layers.
 * @throws StoreError `LAYER_CORRUPT`, `LAYER_LIMIT`.
 */
export function parsePath(bytes: Buffer, position: number, limits: Limits): EntryPath {
  const components = parseTarget(bytes, position, limits)
    .split('/')
    .filter((component) => component !== '' && component !== '.');
  if (components.includes('..')) {
    throw corruptTar(position, `the name ${showName(bytes)}`, 'no ".." in it');
  }
  return components.join('/');
}

/** The target of a symlink, as it stands: data, which only has to be possible. */
export function parseTarget(bytes: Buffer, position: number, limits: Limits): string {
  if (bytes.length === 0) {
    throw corruptTar(position, 'an empty name or link target', 'at least one byte');
  }
  const { length } = bytes;
  if (length > limits.nameLength) {
    throw tarOverLimit(position, `a name of ${length} bytes`, limits, 'nameLength', length);
  }
  if (bytes.includes(0)) {
    throw corruptTar(position, `the name ${showName(bytes)}`, 'no NUL in it');
  }
  return decodeName(bytes);
}

/**
 * What a name beginning with `.wh.` stands for (OCI image-spec, layer.md "Whiteouts"), whatever
 * the type of its member, as containerd has it. `'aufs'` is bookkeeping of the AUFS driver
 * (`.wh..wh.plnk` and the like): no part of the image.
 * @throws StoreError `LAYER_CORRUPT` for a whiteout of nothing, `.` or `..`: containerd would
 * remove the folder it stands in.
 */
export function markerOf(
  path: EntryPath,
  position: number,
): WhiteoutEntry | OpaqueEntry | 'aufs' | undefined {
  if (!path.includes('.wh.')) {
    return undefined;
  }
  const slash = path.lastIndexOf('/');
  const folder = path.slice(0, Math.max(slash, 0));
  const name = path.slice(slash + 1);
  if (isAufs(folder)) {
    return 'aufs';
  }
  if (name === '.wh..wh..opq') {
    return { kind: 'opaque', path: folder };
  }
  if (isAufs(name)) {
    return 'aufs';
  }
  if (!name.startsWith('.wh.')) {
    return undefined;
  }
  const hidden = name.slice('.wh.'.length);
  if (hidden === '' || hidden === '.' || hidden === '..') {
    throw corruptTar(position, `the whiteout ${JSON.stringify(path)}`, 'a name after ".wh."');
  }
  return { kind: 'whiteout', path: folder === '' ? hidden : `${folder}/${hidden}` };
}

function isAufs(path: string): boolean {
  return path.startsWith('.wh..wh.') || path.includes('/.wh..wh.');
}

function showName(bytes: Buffer): string {
  return JSON.stringify(decodeName(bytes).slice(0, 160));
}
