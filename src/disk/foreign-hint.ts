import { constants, gunzipSync } from 'node:zlib';
import { shellWord } from '../shell-word.ts';
import type { SyncAccess } from '../tree/access.ts';
import { conversionOf } from './disk-error.ts';
import type { Kind } from './file-kind.ts';

/** The next command to type for a file of a kind that is no disk for OSv, where there is one. */
export function foreignHint(file: SyncAccess, path: string, kind: Kind): string | undefined {
  if (kind.isDisk) return conversionOf(path);
  if (kind.isArchive) {
    const { transport, disk } = contentOf(file);
    if (transport) return look(`${transport}:${path}`);
    return disk ? `tar -xf ${shellWord(path)} ${disk}` : `tar -tvf ${shellWord(path)}`;
  }
  const { packed } = kind;
  if (!packed) return undefined;
  if (packed.isRead && /\.(?:tar\.(?:gz|zst)|tgz)$/.test(path))
    return look(`docker-archive:${path}`);
  return path.endsWith(packed.ending) ? `${packed.command} ${shellWord(path)}` : undefined;
}

/** Of a file that is a packed disk for Compute Engine: what is in it is one that is read here. */
export function unpackingOf(path: string): string {
  return `tar -xzf ${shellWord(path)} disk.raw`;
}

/** Whether a gzip file is a disk for Compute Engine: a tar that begins with its `disk.raw`. */
export function isComputeDisk(file: SyncAccess): boolean {
  try {
    // A piece of what is packed, and no more than a thousand times as much comes out of it.
    const head = gunzipSync(file.read(0, 4096), { finishFlush: constants.Z_SYNC_FLUSH });
    return memberName(head) === 'disk.raw';
  } catch {
    return false;
  }
}

function look(reference: string): string {
  return `osv-convert ls ${shellWord(reference)}`;
}

const blockSize = 512;

/** An archive of an image has few members, and what tells its kind is often the last. */
const mostMembers = 1000;

interface Content {
  /** Where it is an archive of images. */
  readonly transport?: 'docker-archive' | 'oci-archive';
  /** The name of the disk in it, where it is an OVA. */
  readonly disk?: string;
}

/** What is in a tar, by the names of its members; only their headers are read. */
function contentOf(file: SyncAccess): Content {
  let content: Content = {};
  for (let at = 0, count = 0; at < file.size && count < mostMembers; count += 1) {
    const block = file.read(at, blockSize);
    const name = memberName(block);
    if (name === 'manifest.json') return { transport: 'docker-archive' };
    if (name === 'index.json') content = { transport: 'oci-archive' };
    if (/^\w[\w.-]*\.vmdk$/.test(name)) content = { disk: name, ...content };
    const size = /^ *([0-7]+)[ \0]*$/.exec(latin1(block).slice(124, 136))?.[1];
    if (size === undefined) break;
    at += blockSize * (1 + Math.ceil(Number.parseInt(size, 8) / blockSize));
  }
  return content;
}

function memberName(header: Uint8Array): string {
  return /^(?:\.\/)?([^\0]*)/.exec(latin1(header.subarray(0, 100)))?.[1] ?? '';
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}
