import { kindOf, sizeOf } from '../look/node-summary.ts';
import { folderSizes, type OutlineOptions, type OutlineRow, outline } from '../look/outline.ts';
import type { View } from '../look/view.ts';
import type { Found } from '../tree/lookup.ts';
import type { Node } from '../tree/tree.ts';
import { formatBytes, jsonText } from './format.ts';
import { nameText } from './node-row.ts';

export interface DrawOptions extends OutlineOptions {
  /** With the bytes of files, and of all files below folders. */
  readonly du: boolean;
}

/** As tree(1) draws it; the folder it begins at is not counted. */
export function* treeText(start: Found, options: DrawOptions): Generator<string, void, undefined> {
  const sizes = options.du ? folderSizes(start) : undefined;
  const counts = { directories: 0, files: 0 };
  /** What stands before the rows in a folder, by the depth of the folder. */
  const prefixes: string[] = [];
  for (const { name, node, depth, isLast } of outline(start, options)) {
    count(counts, node, depth);
    const prefix = prefixes[depth - 1] ?? '';
    const branch = depth === 0 ? '' : isLast ? '└── ' : '├── ';
    const size = sizes ? `[${formatBytes(sizes.get(node) ?? sizeOf(node)).padStart(9)}]  ` : '';
    yield `${prefix}${branch}${size}${nameText(name, node)}\n`;
    prefixes[depth] = depth === 0 ? '' : prefix + (isLast ? '    ' : '│   ');
  }
  const { directories, files } = counts;
  const used = sizes ? `${formatBytes(sizes.get(start.node) ?? sizeOf(start.node))} used in ` : '';
  const folders = `${directories} ${directories === 1 ? 'directory' : 'directories'}`;
  const others = options.directories ? '' : `, ${files} ${files === 1 ? 'file' : 'files'}`;
  yield `\n${used}${folders}${others}\n`;
}

/** By `schemas/tree.schema.json`: folders hold what is in them, one node a line. */
export function* treeJson(
  view: View,
  start: Found,
  options: DrawOptions,
): Generator<string, void, undefined> {
  const sizes = options.du ? folderSizes(start) : undefined;
  const counts = { directories: 0, files: 0 };
  yield `${jsonText({ name: view.name, kind: view.kind }).slice(0, -1)},"tree":`;
  let open = 0;
  let separator = '\n';
  for (const row of outline(start, options)) {
    count(counts, row.node, row.depth);
    if (row.depth < open) {
      yield ']}'.repeat(open - row.depth);
      open = row.depth;
      separator = ',\n';
    }
    const text = jsonText(rowJson(row, sizes));
    const { node, depth } = row;
    if (node.kind === 'directory' && depth < (options.level ?? Number.POSITIVE_INFINITY)) {
      yield `${separator}${text.slice(0, -1)},"entries":[`;
      open += 1;
      separator = '\n';
    } else {
      yield separator + text;
      separator = ',\n';
    }
  }
  yield `${']}'.repeat(open)},\n${jsonText(counts).slice(1)}\n`;
}

function rowJson({ name, node }: OutlineRow, sizes: ReadonlyMap<Node, number> | undefined): object {
  const size = node.kind === 'directory' ? sizes?.get(node) : sizeOf(node);
  return {
    name,
    kind: kindOf(node),
    ...(size !== undefined && node.kind !== 'special' && { size }),
    ...(node.kind === 'symlink' && { target: node.target }),
  };
}

function count(counts: { directories: number; files: number }, node: Node, depth: number): void {
  if (node.kind !== 'directory') counts.files += 1;
  else if (depth > 0) counts.directories += 1;
}
