import { beforeEach, describe, expect, test } from 'vitest';
import { makeFolder } from '../../store/files/draft.ts';
import type { Files } from '../../store/files/files.ts';
import { createMemoryFiles } from '../../store/files/memory.ts';
import { digestOf, type Entry, parseDiffID } from '../../store/index.ts';
import { createIndexWriter } from '../../store/layers/index-text.ts';
import { readLayerIndex } from '../../store/layers/layer-index.ts';
import { layoutOf } from '../../store/layout.ts';
import { layerIndexText } from '../support/layer-index-text.ts';

const layout = layoutOf('/store');
const diffID = parseDiffID(digestOf(Buffer.from('layer')));
const { folder, index: path } = layout.layer(diffID);
let files: Files;

beforeEach(async () => {
  files = createMemoryFiles();
  await makeFolder(files, folder);
});

function write(bytes: Uint8Array): void {
  const file = files.update(path);
  file.truncate(0);
  file.write(bytes, 0);
  file.close();
}

/** Bytes that are not UTF-8 stand in names as lone surrogates. */
const named = (at: number, attribute = ''): Entry => ({
  ...{ kind: 'symlink', path: `folder/ünï-\udc80-${at}`, target: '\n]\n,\n[\n' },
  ...{ mode: 0o777, uid: 0, gid: 0, mtime: at },
  ...(attribute !== '' && { xattrs: { 'user.long': attribute } }),
});

/** Around a length, since a slice may end anywhere. */
const some = (count: number, attribute = '') =>
  Array.from({ length: count }, (_, at) => named(at, attribute));

const indexes: readonly (readonly [string, readonly Entry[]])[] = [
  ['of no entry', []],
  ['of one entry', some(1)],
  ['of several slices', some(20_000)],
  ['with an entry longer than a slice', [...some(2), named(2, 'A'.repeat(5_000_000)), ...some(2)]],
  ['of which each slice ends in another place', some(3000, 'B'.repeat(999))],
];

describe.each(indexes)('an index %s', (_, entries) => {
  test('is the head, then the entries in one array of JSON, a line each', () => {
    const text = Buffer.from(layerIndexText({ diffID, size: 1024, entries })).toString('utf8');
    const body = text.slice(text.indexOf('\n') + 1);
    expect(body).toBe(`[\n${entries.map((entry) => JSON.stringify(entry)).join(',\n')}\n]\n`);
    expect(JSON.parse(text.slice(0, text.indexOf('\n')))).toEqual({
      ...{ version: 2, diffID, size: 1024, count: entries.length },
      digest: digestOf(Buffer.from(body)),
    });
  });

  test('comes in pieces of which none is large', () => {
    const writer = createIndexWriter();
    for (const entry of entries) writer.add(entry);
    const longest = Math.max(...entries.map((entry) => JSON.stringify(entry).length), 0);
    for (const piece of writer.end(diffID, 0).pieces) {
      expect(piece.length).toBeLessThan(2 ** 21 + 2 * longest);
    }
  });

  test('is read as it was written', () => {
    write(layerIndexText({ diffID, size: 1024, entries }));
    const read = readLayerIndex(files, layout, diffID);
    expect(read).toMatchObject({ diffID, size: 1024 });
    // Vitest takes long to compare long arrays.
    expect(JSON.stringify(read?.entries) === JSON.stringify(entries)).toBe(true);
  });

  test('is STORE_CORRUPT with its digest when a bit of it is flipped', () => {
    const sound = layerIndexText({ diffID, size: 1024, entries });
    const head = sound.indexOf(0x0a) + 1;
    const places = [0, 0.3, 0.5, 0.999].map((part) => Math.floor((sound.length - head) * part));
    for (const at of places) {
      const bytes = Buffer.from(sound);
      bytes[head + at] = (bytes[head + at] ?? 0) ^ 1;
      write(bytes);
      expect(() => readLayerIndex(files, layout, diffID)).toThrowError(
        expect.objectContaining({
          code: 'STORE_CORRUPT',
          digest: diffID,
          message: expect.stringContaining('found entries with the digest sha256:'),
        }),
      );
    }
  });

  test('is STORE_CORRUPT when its end is missing', () => {
    const sound = layerIndexText({ diffID, size: 1024, entries });
    for (const missing of [1, 3]) {
      write(sound.subarray(0, sound.length - missing));
      expect(() => readLayerIndex(files, layout, diffID)).toThrowError(/found entries with/);
    }
  });
});

test('readLayerIndex refuses entries that are not as many as the head says', () => {
  const text = Buffer.from(layerIndexText({ diffID, size: 0, entries: some(2) })).toString('utf8');
  write(Buffer.from(text.replace('"count":2', '"count":3')));
  expect(() => readLayerIndex(files, layout, diffID)).toThrowError(/found 2 entries, wanted 3/);
});
