import type { Entry, FileEntry } from '../../../store/index.ts';
import { ConvertError } from '../../error.ts';

/** The names in an archive. */
export interface TarNames {
  /**
   * The file of this name, links followed inside the archive; undefined when there is none.
   * @throws ConvertError `ARCHIVE_INVALID` for links in a circle or out of the archive, and for a
   * name that several files have: two readers could then see two images.
   */
  find(name: string): FileEntry | undefined;
}

/** Old versions of docker save write one link for a layer that occurs twice. */
const maxLinks = 8;

export function createTarNames(entries: readonly Entry[], action: string): TarNames {
  const known = new Map<string, Entry>();
  const ambiguous = new Set<string>();
  for (const entry of entries) {
    const before = known.get(entry.path);
    if (before !== undefined && !isSame(before, entry)) ambiguous.add(entry.path);
    known.set(entry.path, entry);
  }
  const refuse = (name: string, found: string) =>
    new ConvertError(
      'ARCHIVE_INVALID',
      `${action}: found ${JSON.stringify(name.slice(0, 160))} to be ${found}, wanted one file`,
    );

  return {
    find(name) {
      let path = within('', name);
      for (let links = 0; links <= maxLinks; links += 1) {
        if (path === undefined) throw refuse(name, 'a name that leads out of the archive');
        if (ambiguous.has(path)) throw refuse(name, 'several different files');
        const entry = known.get(path);
        if (entry?.kind === 'file') return entry;
        if (entry?.kind !== 'symlink' && entry?.kind !== 'hardlink') return undefined;
        const folder = path.slice(0, Math.max(0, path.lastIndexOf('/')));
        path = within(entry.kind === 'symlink' ? folder : '', entry.target);
      }
      throw refuse(name, 'a link in a circle');
    },
  };
}

function isSame(a: Entry, b: Entry): boolean {
  if (a.kind === 'file' && b.kind === 'file') return a.digest === b.digest;
  if (a.kind === 'directory') return b.kind === 'directory';
  return 'target' in a && 'target' in b && a.kind === b.kind && a.target === b.target;
}

/** The path that `name` means in `folder`; undefined when it climbs out of the archive. */
function within(folder: string, name: string): string | undefined {
  const path = name.startsWith('/') || folder === '' ? [] : folder.split('/');
  for (const component of name.split('/')) {
    if (component === '..' && path.pop() === undefined) return undefined;
    if (!['', '.', '..'].includes(component)) path.push(component);
  }
  return path.join('/');
}
