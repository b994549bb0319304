import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { pull } from '../../src/pull/pull.ts';
import { type Digest, hexOf, openStore } from '../../store/index.ts';
import { buildImage } from './image.ts';
import { file } from './layers.ts';
import { writeLayout } from './layout.ts';
import { partialsIn, unsoundness } from './sound-store.ts';

const image = buildImage({ layers: [[file('app', 'one')]] });
let store = '';

beforeEach(async () => {
  store = mkdtempSync(join(tmpdir(), 'osv-convert-sound-'));
  const layout = join(store, 'layout');
  await writeLayout(layout, '1', image);
  store = join(store, 'store');
  const opened = await openStore(store);
  await pull(opened, `oci:${layout}:1`, {});
  await opened.close();
});

afterEach(() => {
  rmSync(join(store, '..'), { recursive: true });
});

const blob = ({ digest }: { readonly digest: Digest }) =>
  join(store, 'blobs', 'sha256', hexOf(digest));
const layer = (name: string) =>
  join(store, 'layers', 'v2', 'sha256', hexOf(image.layers[0]?.diffID ?? image.root.digest), name);

describe('unsoundness', () => {
  it('finds none in a store that was pulled into, nor in a blob that came in part', () => {
    expect(unsoundness(store)).toEqual([]);
    const partial = join(store, 'ingest', 'partial', 'sha256', hexOf(image.root.digest));
    writeFileSync(partial, 'part');
    expect(unsoundness(store)).toEqual([]);
    expect(partialsIn(store)).toEqual({ [image.root.digest]: 4 });
  });

  it.each<[string, () => void, RegExp]>([
    ['a blob has other bytes', () => appendFileSync(blob(image.config), ' '), /its bytes are/],
    ['a named manifest is missing', () => rmSync(blob(image.root)), /no blob/],
    ['a config is missing', () => rmSync(blob(image.config)), /no blob/],
    ['a layer is missing', () => rmSync(layer(''), { recursive: true }), /no layer/],
    ['a layer is not committed', () => rmSync(layer('index')), /no layer/],
    ['a layer has no tar', () => rmSync(layer('tar')), /an index and no tar/],
    ['a tar has other bytes', () => appendFileSync(layer('tar'), '\0'), /its bytes are/],
    [
      'an index is of another layer',
      () => writeFileSync(layer('index'), '{}\n[]\n'),
      /does not tell/,
    ],
    ['a draft is left', () => writeFileSync(join(store, 'ingest', '1_2_x'), ''), /ingest\/1_2_x/],
    ['a lease is left', () => writeFileSync(join(store, 'leases', 'a.lock'), ''), /a\.lock/],
    [
      'a partial file has no digest for a name',
      () => renameSync(blob(image.config), join(store, 'ingest', 'partial', 'sha256', 'x')),
      /partial\/sha256\/x/,
    ],
  ])('tells it when %s', (_when, spoil, says) => {
    spoil();
    expect(unsoundness(store).join('\n')).toMatch(says);
  });
});
