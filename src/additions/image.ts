import type { Store } from '../../store/index.ts';
import { baseName } from '../dotnet/command.ts';
import { ConvertError } from '../error.ts';
import type { StoredImage } from '../pull/image.ts';
import { obtain, type PullOptions } from '../pull/pull.ts';
import { shellWord } from '../shell-word.ts';
import { lookup } from '../tree/lookup.ts';
import type { OpenLayers } from '../tree/open-layers.ts';
import type { Node, Tree } from '../tree/tree.ts';
import { sortedEntries } from '../tree/walk.ts';
import type { ImageAddition } from './addition.ts';

/** A part of another image, whose files stay where they lie in its layers. */
export interface FoundAddition {
  readonly image: StoredImage;
  /** Absolute in the guest. */
  readonly path: string;
  readonly node: Node;
}

/**
 * Finds what is to be copied from other images, which are pulled like the one that is built: each name
 * once, by the same policy and lock file. A link that is named itself is followed.
 * @throws ConvertError `PATH_NOT_FOUND`; the codes of `obtain`.
 */
export async function findImageAdditions(
  store: Store,
  open: OpenLayers,
  additions: readonly ImageAddition[],
  options: PullOptions,
): Promise<readonly FoundAddition[]> {
  const opened = new Map<string, { readonly image: StoredImage; readonly tree: Tree }>();
  const found: FoundAddition[] = [];
  for (const addition of additions) {
    const { reference, path, target } = addition;
    let one = opened.get(reference);
    if (one === undefined) {
      const image = await obtain(store, reference, options);
      one = { image, tree: await open.flatten(image.layers.map(({ diffID }) => diffID)) };
      opened.set(reference, one);
    }
    const node = lookup(one.tree, path)?.node;
    if (node === undefined) throw notFound(one.tree, addition);
    const name = baseName(path);
    found.push({
      image: one.image,
      path: target.isFolder && name !== '' ? `${target.path}/${name}` : target.path,
      node,
    });
  }
  return found;
}

/** Names that are told where the one that was typed is not there. */
const nearCap = 4;

function notFound(tree: Tree, { reference, path }: ImageAddition): ConvertError {
  const names = path.split('/').slice(1);
  const at = names.findIndex((_, end) => !lookup(tree, names.slice(0, end + 1).join('/')));
  const folder = lookup(tree, names.slice(0, at).join('/'));
  const name = names[at] ?? '';
  const wanted = folder?.node.kind === 'directory' ? nearest(folder.node, name) : [];
  const where = folder?.path ?? '/';
  return new ConvertError(
    'PATH_NOT_FOUND',
    `copying ${JSON.stringify(path)} from ${reference}: found no ${JSON.stringify(name)} in ${where}, wanted a name it has` +
      (wanted.length === 0 ? '' : `: ${wanted.map((one) => JSON.stringify(one)).join(', ')}`),
    { hint: `osv-convert ls ${shellWord(reference)} ${shellWord(where)}` },
  );
}

/** The names most like `name`, by the pairs of letters they share. */
function nearest(folder: Extract<Node, { kind: 'directory' }>, name: string): readonly string[] {
  const wanted = pairsOf(name);
  return sortedEntries(folder)
    .map(([one]) => {
      const pairs = pairsOf(one);
      const shared = [...pairs].filter((pair) => wanted.has(pair)).length;
      return { one, likeness: (2 * shared) / (pairs.size + wanted.size || 1) };
    })
    .sort((a, b) => b.likeness - a.likeness)
    .slice(0, nearCap)
    .map(({ one }) => one);
}

function pairsOf(name: string): ReadonlySet<string> {
  const text = ` ${name.slice(0, 255).toLowerCase()} `;
  return new Set([...text.slice(1)].map((_, at) => text.slice(at, at + 2)));
}
