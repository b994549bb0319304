import { letterOf } from '../../src/look/mode-text.ts';
import type { Node, Tree } from '../../src/tree/tree.ts';
import { walkTree } from '../../src/tree/walk.ts';

/**
 * The tree as text, one line a node: kind, mode, size in bytes, path, and where it has one, link target
 * or device number. Control characters and bytes that are not UTF-8 stand as `\xHH`, a backslash as `\\`.
 */
export function listTree(tree: Tree): string {
  let text = '';
  for (const { path, node } of walkTree(tree)) {
    const mode = node.mode.toString(8).padStart(4, '0');
    text += `${letterOf(node)} ${mode} ${sizeOf(node)} ${printable(path)}${suffixOf(node)}\n`;
  }
  return text;
}

function sizeOf(node: Node): number {
  return node.kind === 'file' ? node.content.size : 0;
}

function suffixOf(node: Node): string {
  if (node.kind === 'symlink') return ` -> ${printable(node.target)}`;
  if (node.kind === 'special' && node.type !== 'fifo') return ` ${node.major},${node.minor}`;
  return '';
}

function printable(text: string): string {
  return text.replace(/[\\\x00-\x1f\x7f\udc80-\udcff]/gu, (character) =>
    character === '\\'
      ? '\\\\'
      : `\\x${(character.charCodeAt(0) & 0xff).toString(16).padStart(2, '0')}`,
  );
}
