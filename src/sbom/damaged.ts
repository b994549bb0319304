import { type Contents, readFile } from '../tree/contents.ts';
import type { Found } from '../tree/lookup.ts';
import type { Component } from './component.ts';

/** What a file of the image holds cannot be read. The message goes on from "FILE: found". */
export class Damaged extends Error {}

/** A file of the image that was found and not read, or not to its end. */
export interface Unread {
  /** Absolute in the image. */
  readonly path: string;
  /** What was found there. */
  readonly reason: string;
}

/** What of an image was read, and what could not be. */
export type Reading = readonly (Component | Unread)[];

/**
 * What `read` gives, or, where it fails, nothing of it and why the file at `path` is left out.
 */
export function attemptToRead<T>(path: string, read: () => Iterable<T>): readonly (T | Unread)[] {
  try {
    return [...read()];
  } catch (error) {
    return [unreadOf(path, error)];
  }
}

/** @throws `error`, where it is no sign of a damaged file. */
export function unreadOf(path: string, error: unknown): Unread {
  if (error instanceof Damaged) return { path, reason: error.message };
  if (error instanceof SyntaxError) return { path, reason: 'no valid JSON' };
  const reason = reasons.get(error instanceof Error && 'code' in error ? error.code : undefined);
  if (reason === undefined) throw error;
  return { path, reason };
}

/** Of Node's own readers: Buffer's, and TextDecoder's (https://nodejs.org/api/errors.html). */
const reasons: ReadonlyMap<unknown, string> = new Map([
  ['ERR_OUT_OF_RANGE', 'a position outside of the file'],
  ['ERR_BUFFER_OUT_OF_BOUNDS', 'a position outside of the file'],
  ['ERR_ENCODING_INVALID_ENCODED_DATA', 'bytes that are not UTF-8'],
]);

export function isUnread(value: object): value is Unread {
  return 'reason' in value;
}

/** The bytes of a file. @throws Damaged for what is no file, or above `cap` bytes. */
export function bytesOf(contents: Contents, { node }: Found, cap: number): Buffer {
  if (node.kind !== 'file') throw new Damaged('no file');
  const { size } = node.content;
  if (size > cap) throw new Damaged(`${size} bytes, above ${cap}`);
  return bufferOf(readFile(contents, node, cap));
}

/**
 * Counts something over all files of a kind: each may be small, and an image may hold any number of them.
 * @returns what throws `Damaged` once there were more than `cap` of `noun`.
 */
export function openBudget(cap: number, noun: string): (count: number) => void {
  let spent = 0;
  return (count) => {
    spent += count;
    if (spent > cap) throw new Damaged(`more than ${cap} ${noun} in the image`);
  };
}

/** The same bytes, to read numbers from. */
export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
