import { Buffer } from 'node:buffer';
import { digestOf } from '../digest.ts';
import type { Files } from '../files/files.ts';
import type { Layout } from '../layout.ts';

/**
 * `index.backup.json`: the text of index.json as this store wrote it last, with its digest, so that
 * it is known to be right where index.json, which every tool may write, cannot be.
 */
export type IndexBackup =
  | { readonly state: 'missing' }
  | { readonly state: 'damaged' }
  | { readonly state: 'sound'; readonly text: Uint8Array };

export function formatIndexBackup(text: Uint8Array): Uint8Array {
  const whole = { version: 1, digest: digestOf(text), index: Buffer.from(text).toString('utf8') };
  return Buffer.from(`${JSON.stringify(whole)}\n`);
}

export function readIndexBackup(files: Files, { indexBackup }: Layout): IndexBackup {
  const bytes = files.readWhole(indexBackup);
  if (bytes === undefined) return { state: 'missing' };
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return { state: 'damaged' };
  }
  const { version, digest, index } = Object(value) as Record<string, unknown>;
  if (version !== 1 || typeof index !== 'string') return { state: 'damaged' };
  const text = Buffer.from(index);
  return digestOf(text) === digest ? { state: 'sound', text } : { state: 'damaged' };
}
