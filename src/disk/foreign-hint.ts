import { shellWord } from '../shell-word.ts';
import type { SyncAccess } from '../tree/access.ts';
import { conversionOf } from './disk-error.ts';
import type { Kind } from './file-kind.ts';

/** The next command to type for a file of a kind that is no disk for OSv, where there is one. */
export function foreignHint(file: SyncAccess, path: string, kind: Kind): string | undefined {
  if (kind.isDisk) return conversionOf(path);
  if (kind.isArchive) {
    const transport = transportOf(file);
    return transport ? look(`${transport}:${path}`) : `tar -tvf ${shellWord(path)}`;
  }
  const { packed } = kind;
  if (!packed) return undefined;
  if (packed.isRead && /\.(?:tar\.(?:gz|zst)|tgz)$/.test(path))
    return look(`docker-archive:${path}`);
  return path.endsWith(packed.ending) ? `${packed.command} ${shellWord(path)}` : undefined;
}

function look(reference: string): string {
  return `osv-convert ls ${shellWord(reference)}`;
}

const blockSize = 512;

/** An archive of an image has few members, and what tells its kind is often the last. */
const mostMembers = 1000;

/** Whether a tar is an archive of images, by the names of its members; only their headers are read. */
function transportOf(file: SyncAccess): 'docker-archive' | 'oci-archive' | undefined {
  let transport: 'oci-archive' | undefined;
  for (let at = 0, count = 0; at < file.size && count < mostMembers; count += 1) {
    const header = Buffer.from(file.read(at, blockSize)).toString('latin1');
    const name = /^(?:\.\/)?([^\0]*)/.exec(header.slice(0, 100))?.[1];
    if (name === 'manifest.json') return 'docker-archive';
    if (name === 'index.json') transport = 'oci-archive';
    const size = /^ *([0-7]+)[ \0]*$/.exec(header.slice(124, 136))?.[1];
    if (size === undefined) break;
    at += blockSize * (1 + Math.ceil(Number.parseInt(size, 8) / blockSize));
  }
  return transport;
}
