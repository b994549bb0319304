import { closeSync, lstatSync, mkdirSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect } from 'vitest';
import { errorCodeOf } from '../../../src/error.ts';
import { type WriteFolderOptions, writeFolder } from '../../../src/export/folder.ts';
import { removeFolder } from '../../../src/export/folder-remove.ts';
import { openContents } from '../../../src/tree/contents.ts';
import { directory, fileOfBytes } from '../../../src/tree/nodes.ts';
import type { FileNode, Node, SpecialNode, Tree } from '../../../src/tree/tree.ts';
import { encodeName } from '../../../store/index.ts';
import { temporaryPath } from '../../support/temporary-folder.ts';

const newPath = temporaryPath('folder');

/** A folder of the running test. */
export let parent = '';

/** A place in it. */
export let out = '';

beforeEach(() => {
  parent = newPath();
  mkdirSync(parent);
  out = join(parent, 'out');
});

export const contents = openContents(new Map());

/** The warnings of writing the tree to a place, which is `out`. */
export async function write(
  tree: Tree,
  options: Partial<WriteFolderOptions> = {},
  place = out,
): Promise<string[]> {
  const warnings: string[] = [];
  const onWarning = (text: string) => void warnings.push(text);
  await writeFolder(tree, place, { contents, onWarning, ...options });
  return warnings;
}

/** The code and the sentence of a failure that leaves nothing behind in the parent folder. */
export async function failure(tree: Tree, options: Partial<WriteFolderOptions> = {}, place = out) {
  const before = readdirSync(parent);
  const error: unknown = await write(tree, options, place).then(
    () => undefined,
    (cause) => cause,
  );
  expect(readdirSync(parent)).toEqual(before);
  return { code: errorCodeOf(error), message: String(error) };
}

export const treeOf = (entries: Readonly<Record<string, Node>>): Tree => ({
  root: directory(new Map(Object.entries(entries))),
});

export const folder = (
  entries: Readonly<Record<string, Node>>,
  attributes: Partial<Node> = {},
): Node => ({
  ...treeOf(entries).root,
  ...attributes,
  kind: 'directory',
});

export const text = (value: string, attributes: Partial<FileNode> = {}): FileNode => ({
  ...fileOfBytes(Buffer.from(value)),
  ...attributes,
});

export const device = (type: SpecialNode['type']): SpecialNode => ({
  ...{ kind: 'special', type, major: 1, minor: 3 },
  ...{ mode: 0o620, uid: 0, gid: 5, mtime: 9 },
});

export const statOf = (path: string) =>
  lstatSync(Buffer.concat([Buffer.from(`${out}/`), encodeName(path)]), { bigint: true });

export const modeOf = (path: string) => Number(statOf(path).mode & 0o7777n);

/** Paths in it may be longer than `rm` of Node takes. */
export function remove(name: string): void {
  const fd = openSync(parent, 'r');
  try {
    removeFolder(fd, name);
  } finally {
    closeSync(fd);
  }
}
