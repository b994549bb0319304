import { Buffer } from 'node:buffer';
import { encodeName } from '../../store/index.ts';
import type { Node } from '../tree/tree.ts';

/** An extended attribute; its value is base64. */
export type Attribute = readonly [name: string, value: string];

export interface KeptAttributes {
  /** What a user may set. */
  readonly kept: readonly Attribute[];
  /** Names of those that only root may set, or that mean something else here. */
  readonly lost: readonly string[];
  /** False where an owner that is not root cannot be told: of links, and above 32 bits. */
  readonly isOwnerKept: boolean;
}

/** Where rootless tools keep the owner that a file is to have (rootlesscontainers.proto). */
const ownerAttribute = 'user.rootlesscontainers';

/**
 * The extended attributes under which a node is kept without root: `user.*` as they are, and its owner.
 * Links have neither (xattr(7)).
 */
export function attributesToKeep({ kind, uid, gid, xattrs = {} }: Node): KeptAttributes {
  const isLink = kind === 'symlink';
  const isRoots = uid === 0 && gid === 0;
  const owner = isLink || isRoots ? undefined : ownerValue(uid, gid);
  const kept: Attribute[] = owner === undefined ? [] : [[ownerAttribute, owner]];
  const lost: string[] = [];
  for (const [name, value] of Object.entries(xattrs)) {
    if (!isLink && isUsers(name)) kept.push([name, value]);
    else lost.push(name);
  }
  return { kept, lost, isOwnerKept: isRoots || owner !== undefined };
}

function isUsers(name: string): boolean {
  return name.startsWith('user.') && name !== ownerAttribute && !name.includes('\0');
}

/** In rootlesscontainers.proto the id that leaves an owner as it is, which here is root's. */
const noId = 0xffff_ffff;

/** The message `Resource { uint32 uid = 1; uint32 gid = 2; }`, in base64. */
function ownerValue(uid: number, gid: number): string | undefined {
  if (uid > noId || gid > noId) return undefined;
  return Buffer.from([0x08, ...varint(uid || noId), 0x10, ...varint(gid || noId)]).toString(
    'base64',
  );
}

/** Protocol Buffers, "Base 128 Varints". */
function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return [...bytes, rest];
}

/** What `setfattr --restore` reads (setfattr(1)): a file, and its attributes a line each. */
export function attributeDump(path: string, attributes: readonly Attribute[]): string {
  const lines = attributes.map(([name, value]) => `${escaped(name)}=0s${value}\n`);
  return `# file: ${escaped(path)}\n${lines.join('')}\n`;
}

function escaped(text: string): string {
  return Buffer.from(encodeName(text))
    .toString('latin1')
    .replace(
      /[^\w./-]/g,
      (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`,
    );
}
