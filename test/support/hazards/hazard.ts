import { archive, member, type RawHeader } from '../tar-builder.ts';

/** Layers as a registry holds them, lowest first, by the name of what is dangerous in them. */
export type Hazards = Readonly<Record<string, readonly Uint8Array[]>>;

type Raw = Omit<RawHeader, 'name' | 'type' | 'linkname'>;

/** Of every member that does not say another: never the 0 of folders that nothing describes. */
export const mtime = 1_000_000_000;

export function file(name: string | Uint8Array, body: string | Uint8Array = '', raw: Raw = {}) {
  return member({ mtime, ...raw, name, type: '0' }, body);
}

export function folder(name: string | Uint8Array, raw: Raw = {}) {
  return member({ mtime, mode: 0o755, ...raw, name, type: '5' });
}

export function symlink(name: string, target: string | Uint8Array, raw: Raw = {}) {
  return member({ mtime, mode: 0o777, ...raw, name, type: '2', linkname: target });
}

export function hardLink(name: string, target: string, raw: Raw = {}) {
  return member({ mtime, ...raw, name, type: '1', linkname: target });
}

/** Marks `path` as gone from the layers below. */
export function whiteout(path: string) {
  const slash = path.lastIndexOf('/') + 1;
  return file(`${path.slice(0, slash)}.wh.${path.slice(slash)}`);
}

/** Marks what the layers below have in the folder `path` as gone; `''` is the root. */
export function opaque(path: string) {
  return file(path === '' ? '.wh..wh..opq' : `${path}/.wh..wh..opq`);
}

/** An image of one layer. */
export function layer(...members: readonly Uint8Array[]): readonly Uint8Array[] {
  return [archive(...members)];
}

/** An image of several layers, lowest first. */
export function layers(...each: readonly (readonly Uint8Array[])[]): readonly Uint8Array[] {
  return each.map((members) => archive(...members));
}
