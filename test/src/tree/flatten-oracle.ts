import type { Entry, LayerIndex } from '../../../store/index.ts';

/**
 * What `flatten` must give, found the slow and obvious way: one map from every real path to what is there
 * and which layer put it there. Shares nothing with src/tree.
 */

interface Record {
  readonly kind: 'file' | 'directory' | 'symlink' | 'special';
  /** All of the line but the path. */
  readonly mode: number;
  readonly size: number;
  readonly target: string;
  readonly layer: number;
}

type Files = Map<string, Record>;

/** Lines as of `listTree`, sorted; undefined when a layer is corrupt. Only for ASCII names. */
export function flattenNaively(layers: readonly LayerIndex[]): readonly string[] | undefined {
  const files: Files = new Map([['', directoryRecord(0o755, -1)]]);
  for (const [number, layer] of layers.entries()) {
    for (const entry of layer.entries) {
      if (!applyNaively(files, number, entry)) return undefined;
    }
  }
  return [...files].map(([path, record]) => lineOf(path, record)).sort();
}

function applyNaively(files: Files, layer: number, entry: Entry): boolean {
  const slash = entry.path.lastIndexOf('/');
  const above = entry.path.slice(0, Math.max(0, slash));
  const name = entry.path.slice(slash + 1);

  if (entry.kind === 'opaque') {
    const folder = realPath(files, entry.path);
    if (folder !== undefined) hideLower(files, layer, (path) => isBelow(path, folder));
    return true;
  }
  if (entry.kind === 'whiteout') {
    const folder = realPath(files, above);
    if (folder === undefined) return true;
    const hidden = `${folder}/${name}`;
    hideLower(files, layer, (path) => path === hidden || isBelow(path, hidden));
    return true;
  }

  let record: Record;
  if (entry.kind === 'hardlink') {
    const at = entry.target.lastIndexOf('/');
    const folder = realPath(files, entry.target.slice(0, Math.max(0, at)));
    const linked = files.get(`${folder}/${entry.target.slice(at + 1)}`);
    if (folder === undefined || !linked || linked.kind === 'directory') return false;
    record = { ...linked, layer };
  } else {
    record = {
      kind: entry.kind,
      mode: entry.mode,
      size: entry.kind === 'file' ? entry.size : 0,
      target: entry.kind === 'symlink' ? entry.target : '',
      layer,
    };
  }

  const folder = realPath(files, above, layer);
  if (folder === undefined) return false;
  const path = `${folder}/${name}`;
  if (record.kind !== 'directory' || files.get(path)?.kind !== 'directory') {
    for (const other of [...files.keys()]) if (isBelow(other, path)) files.delete(other);
  }
  files.set(path, record);
  return true;
}

/** The real path of a folder. With a layer, what is missing is made for it. */
function realPath(files: Files, path: string, layer?: number, links = 0): string | undefined {
  let real = '';
  const names = path.split('/').filter((name) => name !== '' && name !== '.');
  for (const [index, name] of names.entries()) {
    if (name === '..') {
      real = real.slice(0, Math.max(0, real.lastIndexOf('/')));
      continue;
    }
    const next = `${real}/${name}`;
    const record = files.get(next);
    if (record?.kind === 'symlink') {
      if (links === 40) return undefined;
      const start = record.target.startsWith('/') ? '' : real;
      const rest = names.slice(index + 1).join('/');
      return realPath(files, `${start}/${record.target}/${rest}`, layer, links + 1);
    }
    if (record?.kind !== 'directory') {
      if (layer === undefined || record?.layer === layer) return undefined;
      files.set(next, directoryRecord(0o755, layer));
    }
    real = next;
  }
  return real;
}

function hideLower(files: Files, layer: number, hidden: (path: string) => boolean): void {
  const gone = [...files].filter(([path, record]) => hidden(path) && record.layer < layer);
  for (const [path] of gone) files.delete(path);
  for (const [path] of gone) {
    const holds = [...files.keys()].some((other) => isBelow(other, path));
    if (holds) files.set(path, directoryRecord(0o755, layer));
  }
}

function isBelow(path: string, folder: string): boolean {
  return path.startsWith(`${folder}/`);
}

function directoryRecord(mode: number, layer: number): Record {
  return { kind: 'directory', mode, size: 0, target: '', layer };
}

function lineOf(path: string, { kind, mode, size, target }: Record): string {
  const letter = { file: '-', directory: 'd', symlink: 'l', special: 'p' }[kind];
  const end = kind === 'symlink' ? ` -> ${target}` : '';
  return `${letter} ${mode.toString(8).padStart(4, '0')} ${size} ${path || '/'}${end}`;
}
