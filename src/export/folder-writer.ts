import { Buffer } from 'node:buffer';
import { mkdirSync } from 'node:fs';
import type { Contents } from '../tree/contents.ts';
import type { DirectoryNode, Node, Tree } from '../tree/tree.ts';
import { attributesToKeep } from './folder-attributes.ts';
import type { Cursor } from './folder-cursor.ts';
import { folderError } from './folder-error.ts';
import { makeFile, makeLink, sliceSize } from './folder-file.ts';
import type { LinkPool } from './folder-links.ts';
import type { Losses } from './folder-losses.ts';
import type { Place } from './folder-names.ts';
import { type Attributed, isModeLate, type Settler } from './folder-settle.ts';

/** What a tree is written with. */
export interface FolderParts {
  /** Stands in the folder that becomes the tree's root, and is closed by writing it. */
  readonly cursor: Cursor;
  readonly contents: Contents;
  readonly links: LinkPool;
  readonly settler: Settler;
  readonly losses: Losses;
  /** As the user named the folder, for errors. */
  readonly path: string;
}

/** A folder that is being written. */
interface Level {
  readonly place: Place;
  readonly folder: DirectoryNode;
  readonly rest: Iterator<readonly [string, Node]>;
  readonly attributed: Attributed[];
}

/**
 * Writes a tree, folders before what they hold and settled after it. Told are the bytes of each piece
 * of a file, and zero for each name.
 * @throws ConvertError `OUTPUT_UNUSABLE`, `OUTPUT_FULL`; what `Contents.readInto` throws.
 */
export function* writeTree({ root }: Tree, parts: FolderParts): Generator<number, void> {
  const { cursor, contents, links, settler, losses } = parts;
  const slice = Buffer.allocUnsafe(sliceSize);
  let place: Place = { name: '', node: root };
  const levels = [levelOf(place, root)];
  try {
    for (let level = levels.at(-1); level; level = levels.at(-1)) {
      const next = level.rest.next();
      if (next.done) {
        place = level.place;
        levels.pop();
        if (levels.length === 0) links.remove();
        note('.', level.folder, level.attributed, losses);
        settler.settle(cursor.leave(), level.folder, level.attributed);
        continue;
      }
      const [name, node] = next.value;
      place = { name, node, parent: level.place };
      yield 0;
      if (node.kind === 'directory') {
        mkdirSync(cursor.at(name), 0o700);
        cursor.enter(name);
        levels.push(levelOf(place, node));
      } else if (!links.link(node, cursor.at(name))) {
        const attributes = note(name, node, level.attributed, losses);
        if (node.kind === 'symlink') makeLink(cursor.at(name), node);
        else {
          const mode = isModeLate(node, attributes) ? 0o600 : node.mode;
          yield* makeFile(cursor.at(name), node, mode, contents, slice);
        }
        links.add(node, cursor.at(name));
      }
    }
    settler.flush();
  } catch (cause) {
    throw folderError(parts.path, place, cause);
  }
}

function levelOf(place: Place, folder: DirectoryNode): Level {
  return { place, folder, rest: folder.entries.entries(), attributed: [] };
}

/** Takes down what a node is to have besides, and what it cannot have. */
function note(
  name: string,
  node: Node,
  attributed: Attributed[],
  losses: Losses,
): Attributed['attributes'] {
  const attributes = attributesToKeep(node);
  losses.attributes(attributes);
  if (node.kind === 'special') losses.device();
  if (attributes.kept.length > 0) attributed.push({ name, node, attributes: attributes.kept });
  return attributes.kept;
}
