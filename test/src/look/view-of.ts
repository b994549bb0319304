import type { View } from '../../../src/look/view.ts';
import { openContents } from '../../../src/tree/contents.ts';
import { flatten } from '../../../src/tree/flatten.ts';
import type { Tree } from '../../../src/tree/tree.ts';
import type { LayerItem } from '../../support/layers.ts';
import { layers } from '../tree/layer-index.ts';

/** An image of one layer with these members, of which no file can be read. */
export function viewOf(...items: readonly LayerItem[]): View {
  return viewOfTree(flatten(layers(items)));
}

/** The same as a disk, which keeps no attributes. */
export function diskOf(...items: readonly LayerItem[]): View {
  return {
    ...viewOf(...items),
    name: 'web.raw',
    subject: 'web.raw',
    kind: 'disk',
    hasAttributes: false,
  };
}

export function viewOfTree(tree: Tree): View {
  const contents = openContents(new Map());
  const name = 'host/web:1.0';
  return { name, subject: name, kind: 'image', tree, contents, hasAttributes: true };
}
