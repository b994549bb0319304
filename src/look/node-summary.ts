import { type Digest, encodeName } from '../../store/index.ts';
import type { Node } from '../tree/tree.ts';
import type { View } from './view.ts';

export type NodeKind = 'file' | 'directory' | 'symlink' | 'character' | 'block' | 'fifo';

/** A node as `--json` tells it; its shape is in `schemas/nodes.schema.json`. */
export interface NodeSummary {
  readonly path: string;
  readonly kind: NodeKind;
  /** Four octal digits. Absent, with owner and time, where the view has no attributes. */
  readonly mode?: string;
  readonly uid?: number;
  readonly gid?: number;
  /** Seconds since 1970. */
  readonly mtime?: number;
  /** Names of a node; of a folder as `st_nlink` has it. */
  readonly links: number;
  /** Bytes of a file or of a link's target. */
  readonly size?: number;
  /** Of a file whose digest is known without reading it. */
  readonly digest?: Digest;
  readonly target?: string;
  /** Of devices. */
  readonly major?: number;
  readonly minor?: number;
}

export function summaryOf(
  { hasAttributes }: Pick<View, 'hasAttributes'>,
  path: string,
  node: Node,
  links: number,
): NodeSummary {
  const { mode, uid, gid, mtime } = node;
  return {
    path,
    kind: kindOf(node),
    ...(hasAttributes && { mode: octal(mode), uid, gid, mtime }),
    links,
    ...detailsOf(node),
  };
}

export function kindOf(node: Node): NodeKind {
  return node.kind === 'special' ? node.type : node.kind;
}

export function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}

/** In bytes, as `st_size`; nothing of a folder or a device has a size here. */
export function sizeOf(node: Node): number {
  if (node.kind === 'file') return node.content.size;
  return node.kind === 'symlink' ? encodeName(node.target).length : 0;
}

function detailsOf(node: Node): Partial<NodeSummary> {
  switch (node.kind) {
    case 'file': {
      const { content } = node;
      return { size: content.size, ...(content.kind !== 'access' && { digest: content.digest }) };
    }
    case 'symlink':
      return { size: sizeOf(node), target: node.target };
    case 'special': {
      const { type, major, minor } = node;
      return type === 'fifo' ? {} : { major, minor };
    }
    case 'directory':
      return {};
  }
}
