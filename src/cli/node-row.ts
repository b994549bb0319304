import { letterOf, modeText } from '../look/mode-text.ts';
import { sizeOf } from '../look/node-summary.ts';
import { isoTime } from '../look/time-text.ts';
import type { View } from '../look/view.ts';
import type { Node } from '../tree/tree.ts';
import { printable } from './format.ts';

/** Columns of a long listing: mode, links, owner, group, size, time; of a disk only kind and size. */
export function longColumns(
  { hasAttributes }: Pick<View, 'hasAttributes'>,
  node: Node,
  links: number,
): readonly string[] {
  if (!hasAttributes) return [letterOf(node), sizeText(node)];
  const { uid, gid, mtime } = node;
  return [modeText(node), `${links}`, `${uid}`, `${gid}`, sizeText(node), timeText(mtime)];
}

/** Widths for listings that are printed before their end is known. */
export function usualWidths({ hasAttributes }: Pick<View, 'hasAttributes'>): readonly number[] {
  return hasAttributes ? [10, 3, 5, 5, 11, 17] : [1, 11];
}

/** The widths that fit all rows. */
export function widthsOf(rows: Iterable<readonly string[]>): readonly number[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    });
  }
  return widths;
}

/** Numbers to the right, the name behind them, and where a link leads. */
export function longLine(
  columns: readonly string[],
  widths: readonly number[],
  name: string,
  node: Node,
): string {
  const cells = columns.map((cell, column) => {
    const width = widths[column] ?? 0;
    return column === 0 ? cell.padEnd(width) : cell.padStart(width);
  });
  return `${cells.join(' ')} ${nameText(name, node)}\n`;
}

export function nameText(name: string, node: Node): string {
  return node.kind === 'symlink'
    ? `${printable(name)} -> ${printable(node.target)}`
    : printable(name);
}

function sizeText(node: Node): string {
  const isDevice = node.kind === 'special' && node.type !== 'fifo';
  return isDevice ? `${node.major}, ${node.minor}` : `${sizeOf(node)}`;
}

/** To the minute, as `formatTime`; what no calendar has stays a number. */
function timeText(mtime: number): string {
  const time = isoTime(mtime);
  return time.startsWith('@') ? time : `${time.slice(0, time.lastIndexOf(':')).replace('T', ' ')}Z`;
}
