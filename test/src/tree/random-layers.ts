import fc from 'fast-check';
import type { LayerIndex } from '../../../store/index.ts';
import {
  directory,
  file,
  hardlink,
  type LayerItem,
  opaque,
  special,
  symlink,
  whiteout,
} from '../../support/layers.ts';
import { layers } from './layer-index.ts';

/** Up to four layers of an image, lowest first; some make no tree. */
export function randomLayers(): fc.Arbitrary<readonly LayerIndex[]> {
  return fc.array(fc.array(item(), { maxLength: 9 }), { maxLength: 4 }).map(numbered);
}

/** Few names, so that entries meet. */
function item(): fc.Arbitrary<LayerItem> {
  const name = fc.constantFrom('a', 'b', 'c');
  const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join('/'));
  const target = fc
    .tuple(
      fc.boolean(),
      fc.array(fc.constantFrom('a', 'b', 'c', '..', '.'), { minLength: 1, maxLength: 3 }),
    )
    .map(([absolute, names]) => `${absolute ? '/' : ''}${names.join('/')}`);
  return fc.oneof(
    { weight: 4, arbitrary: path.map((at) => file(at, '')) },
    { weight: 3, arbitrary: path.map((at) => directory(at)) },
    { weight: 2, arbitrary: fc.tuple(path, target).map(([at, to]) => symlink(at, to)) },
    { weight: 1, arbitrary: fc.tuple(path, path).map(([at, to]) => hardlink(at, to)) },
    { weight: 3, arbitrary: path.map((at) => whiteout(at)) },
    { weight: 2, arbitrary: fc.oneof(fc.constant(''), path).map((at) => opaque(at)) },
    { weight: 1, arbitrary: path.map((at) => special(at, 'fifo')) },
  );
}

/** Sizes, offsets and modes that occur once, so that a mix-up shows. */
function numbered(drawn: readonly (readonly LayerItem[])[]): readonly LayerIndex[] {
  let next = 0;
  return layers(...drawn).map((layer) => ({
    ...layer,
    entries: layer.entries.map((entry) => {
      next += 1;
      if (entry.kind === 'file') return { ...entry, size: next, offset: next * 512 };
      return entry.kind === 'directory' ? { ...entry, mode: next } : entry;
    }),
  }));
}
