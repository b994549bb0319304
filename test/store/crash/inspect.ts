import { Buffer } from 'node:buffer';
import { expect } from 'vitest';
import {
  createMemoryFiles,
  digestOf,
  type Files,
  hexOf,
  openStore,
  parseDiffID,
  type Store,
} from '../../../store/index.ts';
import { layoutOf } from '../../../store/layout.ts';
import { createVows, kept, leads, pull, type Scenario, type Vow } from './vows.ts';

export const dir = '/store';
const layout = layoutOf(dir);

export const [layer] = kept.layers;
if (layer === undefined) throw new Error('the image has a layer');

export const damagedPaths = [layout.blob(kept.config.digest), layout.layer(layer.diffID).tar];

export function flipBit(files: Files, path: string): void {
  const file = files.update(path);
  const byte = new Uint8Array(1);
  file.read(byte, 20);
  file.write(Uint8Array.of((byte[0] ?? 0) ^ 1), 20);
  file.close();
}

export function withoutLinks(files: Files): Files {
  return { ...files, link: () => 'refused' };
}

export async function prepared({
  before,
  isDamaged,
}: Scenario): Promise<{ files: Files; vows: Map<string, Vow> }> {
  const files = createMemoryFiles();
  const { vows, vow } = createVows();
  const store = await openStore(dir, { files });
  if (before === undefined) await pull(store, vow, 'kept', kept);
  else await before(store, vow);
  await store.close();
  if (isDamaged) {
    for (const path of damagedPaths) flipBit(files, path);
    vows.clear();
    vow(leads('kept', kept.root));
  }
  return { files, vows };
}

/** Everything promised is there, everything visible is whole, and everything can be done again. */
export async function inspect(
  files: Files,
  vows: Iterable<Vow>,
  { run, isDamaged }: Scenario,
): Promise<void> {
  const store = await openStore(dir, { files });
  for (const { holds } of vows) await holds(store);
  if (!isDamaged) await checkWhole(files, store);
  const again = createVows();
  await run(store, again.vow);
  for (const { holds } of again.vows.values()) await holds(store);
  await checkWhole(files, store);
  await checkMended(store);
  await store.close();
}

export async function checkWhole(files: Files, store: Store): Promise<void> {
  checkBlobs(files);
  await checkLayers(files, store);
  const { findings } = await store.verify({ full: true });
  expect(findings.filter(({ severity }) => severity !== 'note')).toEqual([]);
}

/** What is left of an interrupted work can be named and mended; nothing else is wrong. */
export async function checkMended(store: Store): Promise<void> {
  const { sound } = await store.verify({ full: true });
  if (!sound) await store.verify({ full: true, repair: true });
  const after = await store.verify({ full: true });
  expect(after.findings.filter(({ severity }) => severity !== 'note')).toEqual([]);
  expect(after.sound).toBe(true);
}

export function checkBlobs(files: Files): void {
  for (const { name } of files.list(layout.blobs) ?? []) {
    const content = files.readWhole(`${layout.blobs}/${name}`) ?? new Uint8Array();
    expect(hexOf(digestOf(content))).toBe(name);
  }
}

export async function checkLayers(files: Files, { layers }: Store): Promise<void> {
  for (const { name } of files.list(layout.ownLayers) ?? []) {
    const diffID = parseDiffID(`sha256:${name}`);
    if (!(await layers.has(diffID))) continue;
    const layer = await layers.open(diffID);
    const tar = Buffer.alloc(layer.index.size);
    layer.readInto(tar, 0);
    layer.close();
    expect(digestOf(tar)).toBe(diffID);
  }
}

/** Nothing is left of those who died. */
export function checkSwept(files: Files): void {
  expect(files.list(layout.ingest)?.filter(({ kind }) => kind === 'file')).toEqual([]);
  expect(files.list(layout.leases)?.filter(({ kind }) => kind === 'symlink')).toEqual([]);
}
