import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';

/** What a file system has under one name, whoever unpacked it. */
export interface Listed {
  /** Absolute; bytes that are not UTF-8 as the store carries them. */
  readonly path: string;
  /** As `ls` shows it: `-`, `d`, `l`, `c`, `b` or `p`. */
  readonly kind: string;
  readonly mode: number;
  readonly owner: string;
  readonly mtime: number;
  readonly content?: Uint8Array;
  /** Of a symbolic link. */
  readonly target?: string;
  /** Of a device: `MAJOR,MINOR`. */
  readonly device?: string;
  /** The first path of the same file, where this is a later one. */
  readonly same?: string;
  /** Names and bytes. */
  readonly xattrs?: ReadonlyMap<string, Uint8Array>;
}

/** `KIND MODE UID:GID MTIME PATH` and what the kind has: content, target or device; then links and xattrs. */
export function lineOf(listed: Listed): string {
  const { path, kind, mode, owner, mtime, content, target, device, same, xattrs } = listed;
  return [
    kind,
    mode.toString(8).padStart(4, '0'),
    owner,
    `${mtime}`,
    printable(path),
    ...(content === undefined ? [] : [`${content.length} ${shown(content)}`]),
    ...(target === undefined ? [] : [`-> ${printable(target)}`]),
    ...(device === undefined ? [] : [device]),
    ...(same === undefined ? [] : [`= ${printable(same)}`]),
    ...[...(xattrs ?? [])].map(([name, value]) => `{${printable(name)}=${shown(value)}}`),
  ].join(' ');
}

/** Bytes as text, where eight or more of one are written once; long ones by their digest. */
function shown(bytes: Uint8Array): string {
  const digest = () => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  if (bytes.length > 2 ** 13) return digest();
  const text = Buffer.from(bytes)
    .toString('latin1')
    .replace(/(.)\1{7,}|[^ -~]|[\\"<]/gs, (run, one?: string) =>
      one === undefined ? escaped(run) : `<${run.length} * ${escaped(one)}>`,
    );
  return text.length <= 250 ? `"${text}"` : digest();
}

function escaped(one: string): string {
  if (/[\\"<]/.test(one)) return `\\${one}`;
  return one.replace(/[^ -~]/, `\\x${one.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** Long components are written as their beginning and length. */
function printable(text: string): string {
  const visible = text.replace(/[\\\x00-\x1f\x7f\ud800-\udfff]/gu, (one) =>
    one === '\\' ? '\\\\' : `\\x${(one.charCodeAt(0) & 0xff).toString(16).padStart(2, '0')}`,
  );
  return visible.length <= 300
    ? visible
    : `${visible.slice(0, 20)}<${visible.length} characters>${visible.slice(-20)}`;
}
