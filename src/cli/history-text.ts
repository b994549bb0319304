import type { FollowedPath, ImageHistory, LayerHistory } from '../look/history.ts';
import type { PathEvent } from '../tree/path-history.ts';
import type { WastedPath } from '../tree/waste.ts';
import { aspectText, nodeText } from './diff-text.ts';
import { formatBytes, formatCount, formatTable, printable } from './format.ts';

/** A layer a line, the lowest first. Lines are cut to `width`, where one is given. */
export function layersText(history: ImageHistory, width: number | undefined): string {
  const heads = ['LAYER', 'DIFFID', 'SIZE', 'UNPACKED', 'ADDED', 'CHANGED', 'REMOVED', 'WASTED'];
  const rows = history.layers.map((layer) => {
    const { size, unpacked, added, changed, removed, wasted } = layer;
    const counts = [added, changed, removed].map(String);
    const bytes = [size, unpacked].map(formatBytes);
    return [...headOf(layer), ...bytes, ...counts, formatBytes(wasted), madeBy(layer, width)];
  });
  const table = cut(formatTable([...heads, 'CREATED BY'], rows), width);
  return `${table}\n${totalsText(history)}`;
}

function headOf({ layer, diffID }: LayerHistory): readonly string[] {
  return [`${layer}`, diffID.slice('sha256:'.length, 'sha256:'.length + 12)];
}

/** On one line; in a narrow place without what every builder writes around it. */
function madeBy({ createdBy = '' }: LayerHistory, width: number | undefined): string {
  const words = printable(createdBy.replace(/\s+/g, ' ').trim());
  if (width === undefined) return words;
  return words.replace(/^\/bin\/sh -c (#\(nop\) +)?/, '').replace(/ # buildkit$/, '');
}

function cut(table: string, width: number | undefined): string {
  if (width === undefined) return table;
  const lines = table.split('\n');
  return lines
    .map((line) => (line.length > width ? `${line.slice(0, width - 1)}…` : line))
    .join('\n');
}

function totalsText({ layers, totals }: ImageHistory): string {
  const { size, unpacked, bytes, wasted } = totals;
  const efficiency = bytes === 0 ? 100 : (1 - wasted / bytes) * 100;
  return (
    `${formatCount(layers.length, 'layer')}, ${formatBytes(size)}, unpacked ${formatBytes(unpacked)}; ` +
    `of ${formatBytes(bytes)} in files ${formatBytes(wasted)} are wasted: ` +
    `efficiency ${efficiency.toFixed(1)} %\n`
  );
}

/** What wastes most, a path a line. */
export function wasteText(history: ImageHistory, listed: readonly WastedPath[]): string {
  const rows = listed.map(({ path, bytes, copies }) => [
    formatBytes(bytes),
    layersOf(copies.map(({ layer }) => layer)),
    copies
      .slice(-1)
      .map(({ how, endedBy }) => `${how} by ${endedBy}`)
      .join(),
    printable(path),
  ]);
  const more = history.waste.length - listed.length;
  const rest = more > 0 ? `${formatCount(more, 'path')} more: --all lists them\n` : '';
  const table = formatTable(['WASTED', 'IN LAYERS', 'IN THE END', 'PATH'], rows);
  return `${table}\n${rest}${totalsText(history)}`;
}

const fewLayers = 6;

function layersOf(layers: readonly number[]): string {
  const more = layers.length > fewLayers ? `, … (${layers.length})` : '';
  return layers.slice(0, fewLayers).join(', ') + more;
}

/** A table for each path: the layers that did something to it. */
export function pathsText(history: ImageHistory, width: number | undefined): string {
  return history.paths.map((path) => pathText(history, path, width)).join('\n');
}

function pathText({ layers }: ImageHistory, told: FollowedPath, width: number | undefined): string {
  const rows = told.events.flatMap((event) => {
    const layer = layers[event.layer - 1];
    if (!layer) return [];
    const what = printable(detailsOf(event).join(', '));
    return [[...headOf(layer), event.event, what, madeBy(layer, width)]];
  });
  const table = formatTable(['LAYER', 'DIFFID', 'EVENT', 'WHAT', 'CREATED BY'], rows);
  return `${printable(`${absolute(told.path)}: ${endOf(told)}`)}\n${cut(table, width)}`;
}

function endOf({ path, seen, wasted }: FollowedPath): string {
  const below = seen?.node.kind === 'directory' ? ' below' : '';
  const waste = wasted === 0 ? '' : `; ${formatBytes(wasted)} wasted${below}`;
  if (!seen) return `not there in the end${waste}`;
  const place = seen.path === absolute(path) ? '' : `${seen.path}, `;
  const bytes = seen.bytesOf === undefined ? '' : `, the bytes of layer ${seen.bytesOf}`;
  return `${place}${nodeText(seen.node)}${bytes}${waste}`;
}

function absolute(path: string): string {
  return `/${path.replace(/^\/+|\/+$/g, '')}`;
}

function detailsOf(told: PathEvent): readonly string[] {
  const { event, path, from, before, after, aspects, layer, bytesOf, below } = told;
  const details: string[] = [];
  if (event === 'leads' || from !== undefined) details.push(`leads to ${path} now`);
  if (event === 'added' && after) details.push(nodeText(after));
  if (event === 'hidden') details.push(`still at ${path}`);
  if (told.with !== undefined) details.push(`with ${told.with}`);
  if (before && after) {
    const changed = { before, after, aspects };
    details.push(...aspects.flatMap((aspect) => aspectText(aspect, changed) ?? []));
  }
  if (bytesOf !== undefined && bytesOf !== layer) details.push(`the bytes of layer ${bytesOf}`);
  if (below) {
    const counts = Object.entries(below).filter(([, count]) => count > 0);
    details.push(`below it ${counts.map(([what, count]) => `${count} ${what}`).join(', ')}`);
  }
  return details;
}
