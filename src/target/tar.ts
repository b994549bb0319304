import { type TarEntry, tarEnd, tarHeader, tarPadding } from '../../store/index.ts';
import type { LayoutFile } from './layout.ts';

const metadata = { mode: 0o644, uid: 0, gid: 0, mtime: 0 };

/** A tar of these files in their order, the same bytes each time; folders come before their files. */
export async function* tarOf(
  files: readonly LayoutFile[],
): AsyncGenerator<Uint8Array, void, undefined> {
  const folders = new Set<string>();
  for (const { path, size, open } of files) {
    for (const folder of foldersOf(path)) {
      if (folders.has(folder)) continue;
      folders.add(folder);
      yield tarHeader({ ...metadata, kind: 'directory', mode: 0o755, path: folder });
    }
    const entry: TarEntry = { ...metadata, kind: 'file', path, size };
    yield tarHeader(entry);
    yield* open();
    yield tarPadding(size);
  }
  yield tarEnd;
}

/** `a/b/c` lies in `a` and `a/b`. */
function foldersOf(path: string): readonly string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_part, at) => parts.slice(0, at + 1).join('/'));
}
