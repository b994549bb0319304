import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/**
 * All that can be seen of a folder and what is in it, one line each: kind and mode, inode, links,
 * owner, size, the times of its content and of its inode, content. Whatever touches it changes a line.
 */
export function snapshotOf(folder: string): readonly string[] {
  const lines: string[] = [];
  const pending = [''];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    const at = join(folder, path);
    const { mode, ino, nlink, uid, size, mtimeNs, ctimeNs } = lstatSync(at, { bigint: true });
    const stat = lstatSync(at);
    let content = '';
    if (stat.isFile()) content = createHash('sha256').update(readFileSync(at)).digest('hex');
    if (stat.isSymbolicLink()) content = readlinkSync(at);
    lines.push(
      [path, mode.toString(8), ino, nlink, uid, size, mtimeNs, ctimeNs, content].join(' '),
    );
    if (!stat.isDirectory()) continue;
    for (const name of readdirSync(at).sort().reverse()) pending.push(join(path, name));
  }
  return lines;
}
