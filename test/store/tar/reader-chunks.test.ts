import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { defaultLimits, type Entry, StoreError } from '../../../store/index.ts';
import { createTarReader } from '../../../store/tar/reader.ts';
import { readTar } from '../../support/read-tar.ts';
import { archive, gnuLong, gnuMap, header, member, pax } from '../../support/tar-builder.ts';

describe('createTarReader gives the same entries', () => {
  const map = Buffer.alloc(512);
  map.write('2\n100\n4\n700\n2\n');
  const continued = Buffer.alloc(512);
  continued.set(gnuMap([[900, 2]]));
  const gnuRuns = [
    [386, gnuMap([[10, 4]])],
    [482, '\x01'],
    [483, '00000002000\0'],
  ] as const;
  /** Each with what belongs to it. */
  const members = [
    [member({ name: './', type: '5' })],
    [
      pax([
        ['SCHILY.xattr.user.x', Buffer.alloc(700, 0xff)],
        ['path', 'p'.repeat(600)],
      ]),
      member({ name: 'x' }, Buffer.alloc(1500, 'q')),
    ],
    [gnuLong('L', 'n'.repeat(513)), member({ name: 'x' }, 'short')],
    [
      pax([
        ['GNU.sparse.major', '1'],
        ['GNU.sparse.minor', '0'],
        ['GNU.sparse.name', 'sparse'],
        ['GNU.sparse.realsize', '1000'],
      ]),
      member({ name: 'x' }, Buffer.concat([map, Buffer.from('abcdef')])),
    ],
    [
      header({ name: 'old', type: 'S', magic: 'gnu', patches: gnuRuns }, 6),
      continued,
      Buffer.alloc(512, 'a'),
    ],
    [member({ name: 'l', type: '2', linkname: 'target' })],
    [member({ name: 'h', type: '1', linkname: 'x' }, Buffer.alloc(600, 'b'))],
    [member({ name: 'd/.wh..wh..opq' })],
  ].map((parts) => Buffer.concat(parts));
  const tar = Buffer.concat([archive(...members), Buffer.alloc(3000, 'trailer')]);
  const whole = readTar(tar);

  test('when every byte comes alone', () => {
    expect(readTar(tar, {}, new Array(tar.length).fill(1))).toEqual(whole);
  });

  test('however the bytes are split', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 1500 }), { maxLength: 40 }), (sizes) => {
        expect(readTar(tar, {}, sizes)).toEqual(whole);
      }),
    );
  });

  test('or fails as a StoreError, whatever byte is changed', () => {
    fc.assert(
      fc.property(fc.nat(tar.length - 1), fc.integer({ min: 0, max: 255 }), (at, byte) => {
        const changed = Buffer.from(tar);
        changed[at] = byte;
        try {
          readTar(changed);
        } catch (error) {
          expect(error).toBeInstanceOf(StoreError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('up to where it is cut off between members or in their padding, and fails as LAYER_CORRUPT anywhere else', () => {
    // Behind the bodies of the members above: of 1500 bytes, 5, 518 with the map, 6.
    const paddings = [0, 36, 507, 506, 506, 0, 0, 0];
    let end = 0;
    const ends = members.map(({ length }) => {
      end += length;
      return end;
    });
    const isInPadding = (length: number): boolean =>
      ends.some((at, index) => length <= at && length >= at - (paddings[index] ?? 0));
    // A hard link without the body it claims is whole.
    const linkEnd = end - 512 - 1024;
    const found: Entry[] = [];
    const reader = createTarReader((entry) => found.push(entry), defaultLimits);
    for (let length = 1; length <= end; length += 1) {
      reader.push(tar.subarray(length - 1, length));
      if (isInPadding(length) || length === linkEnd) {
        reader.end();
      } else {
        expect(() => reader.end()).toThrow(expect.objectContaining({ code: 'LAYER_CORRUPT' }));
      }
      const at = ends.indexOf(length);
      if (at !== -1) expect(found).toEqual(whole.slice(0, at + 1));
    }
  });
});
