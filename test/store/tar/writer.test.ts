import { Buffer } from 'node:buffer';
import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeName } from '../../../store/index.ts';
import { tarHeader } from '../../../store/tar/writer.ts';
import {
  directory,
  file,
  hardlink,
  type LayerItem,
  layerTar,
  opaque,
  special,
  symlink,
  whiteout,
} from '../../support/layers.ts';
import { readWithNodeTar } from '../../support/node-tar.ts';
import { contentOf, readTar, sha256Of } from '../../support/read-tar.ts';

describe('tarHeader', () => {
  const name = fc
    .uint8Array({ minLength: 1, maxLength: 130 })
    .map((bytes) => decodeName(bytes.map((byte) => (byte === 0 || byte === 0x2f ? 0x41 : byte))))
    .filter((text) => text !== '.' && text !== '..' && !text.startsWith('.wh.'));
  const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join('/'));
  const attributes = fc.record({
    mode: fc.integer({ min: 0, max: 0o7777 }),
    uid: fc.integer({ min: 0, max: 0xffff_ffff }),
    gid: fc.integer({ min: 0, max: 0xffff_ffff }),
    mtime: fc.oneof(
      fc.integer({ min: -(2 ** 40), max: 2 ** 40 }),
      fc.integer({ min: -(2 ** 40), max: 2 ** 40 }).map((n) => n / 1000),
    ),
  });
  const xattrs = fc
    .dictionary(fc.stringMatching(/^user\.[a-z]{1,20}$/), fc.uint8Array(), { minKeys: 1 })
    .map((record) =>
      Object.fromEntries(
        Object.entries(record).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
      ),
    );
  const item: fc.Arbitrary<LayerItem> = fc.oneof(
    fc.tuple(path, fc.uint8Array(), attributes).map(([p, bytes, a]) => file(p, bytes, a)),
    fc.tuple(path, attributes, xattrs).map(([p, a, x]) => directory(p, { ...a, xattrs: x })),
    fc.tuple(path, path, attributes).map(([p, target, a]) => symlink(p, `/${target}/..`, a)),
    fc.tuple(path, path, attributes).map(([p, target, a]) => hardlink(p, target, a)),
    fc.tuple(path, fc.nat(4095), fc.nat(255)).map(([p, a, b]) => special(p, 'block', a, b)),
    path.map(whiteout),
    path.map(opaque),
  );

  test('is read back as it was written', () => {
    fc.assert(
      fc.property(fc.array(item, { maxLength: 6 }), (items) => {
        const tar = layerTar([directory(''), ...items]);
        const entries = readTar(tar);
        expect(entries).toHaveLength(items.length + 1);
        for (const [at, { entry, bytes }] of items.entries()) {
          const found = entries[at + 1];
          expect(found).toMatchObject(entry);
          if (found?.kind === 'file') {
            expect(contentOf(tar, found)).toEqual(Buffer.from(bytes));
            expect(found.digest).toBe(sha256Of(bytes));
          }
        }
      }),
    );
  });

  test('gives one plain ustar block when ustar can say it', () => {
    expect(tarHeader(file(`${'d'.repeat(150)}/${'n'.repeat(100)}`, 'x').entry)).toHaveLength(512);
    expect(tarHeader(file('d'.repeat(101), 'x').entry)).toHaveLength(3 * 512);
  });

  test('is understood by GNU tar and node-tar', async () => {
    const long = `${'p/'.repeat(150)}file`;
    const items = [
      directory('d', { mtime: 1.5 }),
      file(long, 'deep', { uid: 3_000_000 }),
      symlink('l', 't'.repeat(150)),
      hardlink('h', long),
      whiteout('d/gone'),
    ];
    const names = ['d/', long, 'l', 'h', 'd/.wh.gone'];
    const tar = layerTar(items);
    const listed = execFileSync('tar', ['-tf', '-'], { input: tar, encoding: 'utf8' });
    expect(listed.trim().split('\n')).toEqual(names);
    const members = await readWithNodeTar(tar);
    expect(members.map((found) => found.path)).toEqual(names);
    expect(members.map((found) => found.linkpath)).toEqual(['', '', 't'.repeat(150), long, '']);
    expect(members[1]?.uid).toBe(3_000_000);
  });
});
