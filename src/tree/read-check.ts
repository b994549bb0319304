import { createHash, type Hash, hash } from 'node:crypto';
import type { Content } from './tree.ts';

export type LayerContent = Extract<Content, { kind: 'layer' }>;

/** Compares files with their digests while they are read, without reading anything again. */
export interface ReadCheck {
  /**
   * Takes what was read of a file. Where that completes its bytes in sequence from the first on, the
   * digest of all of them comes back; else undefined.
   */
  take(content: LayerContent, position: number, bytes: Uint8Array): string | undefined;
  /** Files that were read, but not all of them or not in sequence. */
  readonly unchecked: ReadonlySet<LayerContent>;
}

/**
 * One file is followed at a time: who copies files does so one after the other, and who seeks in one
 * is no copier.
 */
export function createReadCheck(): ReadCheck {
  const unchecked = new Set<LayerContent>();
  let followed: { readonly content: LayerContent; readonly hash: Hash; end: number } | undefined;

  return {
    unchecked,
    take(content, position, bytes) {
      if (position === 0 && bytes.length === content.size) {
        unchecked.delete(content);
        return `sha256:${hash('sha256', bytes)}`;
      }
      unchecked.add(content);
      if (position === 0) followed = { content, hash: createHash('sha256'), end: 0 };
      if (followed?.content !== content || followed.end !== position) return undefined;
      followed.hash.update(bytes);
      followed.end += bytes.length;
      if (followed.end < content.size) return undefined;
      unchecked.delete(content);
      return `sha256:${followed.hash.digest('hex')}`;
    },
  };
}
