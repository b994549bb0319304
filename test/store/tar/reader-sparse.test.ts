import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { contentOf, readTar, sha256Of } from '../../support/read-tar.ts';
import { archive, base256, gnuMap, header, member, pax } from '../../support/tar-builder.ts';
import { failure, onlyFile } from './read-one.ts';

describe('createTarReader reads sparse files', () => {
  const stored = 'AAAABBBBBB';
  const whole = Buffer.concat([
    Buffer.alloc(1000),
    Buffer.from('AAAA'),
    Buffer.alloc(3996),
    Buffer.from('BBBBBB'),
    Buffer.alloc(94),
  ]);
  const runs = [
    [1000, 4],
    [5000, 6],
  ] as const;
  const next = member({ name: 'next' }, 'n');

  const check = (tar: Buffer) => {
    const [sparse, after] = readTar(tar);
    if (sparse?.kind !== 'file') {
      throw new Error('wanted a file');
    }
    expect(sparse).toMatchObject({ path: 'sparse', size: whole.length, digest: sha256Of(whole) });
    expect(sparse.extents).toHaveLength(2);
    expect(sparse.offset).toBe(sparse.extents?.[0]?.offset);
    expect(contentOf(tar, sparse)).toEqual(whole);
    expect(after).toMatchObject({ path: 'next', digest: sha256Of('n') });
  };

  const gnuHeader = { name: 'sparse', type: 'S', magic: 'gnu' } as const;
  const realSize = [483, `${whole.length.toString(8).padStart(11, '0')}\0`] as const;

  test('of old GNU tar', () => {
    const patches = [[386, gnuMap([...runs, [whole.length, 0]])], realSize] as const;
    check(archive(member({ ...gnuHeader, patches }, stored), next));
  });

  test('of old GNU tar when the map goes on in blocks of its own', () => {
    const patches = [[482, '\x01'], realSize] as const;
    const first = Buffer.alloc(512);
    first.set(gnuMap([[1000, 4]]));
    first[504] = 1;
    const second = Buffer.alloc(512);
    second.set(gnuMap([[5000, 6]]));
    const body = Buffer.concat([Buffer.from(stored), Buffer.alloc(502)]);
    check(archive(header({ ...gnuHeader, patches }, stored.length), first, second, body, next));
  });

  test('of PAX 0.0, whose keys repeat', () => {
    check(
      archive(
        pax([
          ['GNU.sparse.size', String(whole.length)],
          ['GNU.sparse.numblocks', '2'],
          ...runs.flatMap(([position, length]) => [
            ['GNU.sparse.offset', String(position)] as const,
            ['GNU.sparse.numbytes', String(length)] as const,
          ]),
        ]),
        member({ name: 'sparse' }, stored),
        next,
      ),
    );
  });

  test('of PAX 0.1', () => {
    check(
      archive(
        pax([
          ['GNU.sparse.size', String(whole.length)],
          ['GNU.sparse.numblocks', '2'],
          ['GNU.sparse.name', 'sparse'],
          ['GNU.sparse.map', runs.join(',')],
        ]),
        member({ name: 'GNUSparseFile.0/sparse' }, stored),
        next,
      ),
    );
  });

  test('of PAX 1.0, whose map is in the body', () => {
    const map = Buffer.alloc(512);
    map.write(`2\n${runs.flat().join('\n')}\n`);
    check(
      archive(
        pax([
          ['GNU.sparse.major', '1'],
          ['GNU.sparse.minor', '0'],
          ['GNU.sparse.name', 'sparse'],
          ['GNU.sparse.realsize', String(whole.length)],
        ]),
        member({ name: 'GNUSparseFile.0/sparse' }, Buffer.concat([map, Buffer.from(stored)])),
        next,
      ),
    );
  });

  test('that are one hole', () => {
    const patches = [[386, gnuMap([[whole.length, 0]])], realSize] as const;
    expect(onlyFile(archive(member({ ...gnuHeader, patches })))).toMatchObject({
      size: whole.length,
      extents: [],
      digest: sha256Of(Buffer.alloc(whole.length)),
    });
  });

  test('of PAX whose size is said in PAX too, and of which the header knows none', () => {
    const records = [
      ['GNU.sparse.major', '0'],
      ['GNU.sparse.minor', '1'],
      ['GNU.sparse.realsize', String(whole.length)],
      ['GNU.sparse.numblocks', '2'],
      ['GNU.sparse.map', runs.join(',')],
      ['size', String(stored.length)],
    ] as const;
    const body = member({ name: 'x' }, stored).subarray(512);
    check(archive(pax(records), header({ name: 'sparse' }), body, next));
  });

  test('of old GNU tar by their header, whatever PAX says of another map', () => {
    const patches = [[386, gnuMap(runs)], realSize] as const;
    const records = [
      ['GNU.sparse.name', 'other'],
      ['GNU.sparse.map', '0,10'],
      ['GNU.sparse.numblocks', '1'],
      ['GNU.sparse.size', '10'],
    ] as const;
    check(archive(pax(records), member({ ...gnuHeader, patches }, stored), next));
  });

  test('of no bytes at all', () => {
    const none = { size: 0, extents: [], digest: sha256Of('') };
    expect(onlyFile(one0('1\n0\n0\n', [['GNU.sparse.realsize', '0']]))).toMatchObject(none);
    expect(onlyFile(one0('0\n', [['GNU.sparse.realsize', '0']]))).toMatchObject(none);
  });

  const zero1 = (map: string, size = '100', count = '1') =>
    archive(
      pax([
        ['GNU.sparse.size', size],
        ['GNU.sparse.numblocks', count],
        ['GNU.sparse.map', map],
      ]),
      member({ name: 'x' }, 'abcd'),
    );
  const one0 = (text: string, records: readonly (readonly [string, string])[] = []) => {
    const map = Buffer.alloc(512);
    map.write(text);
    return archive(
      pax([
        ['GNU.sparse.major', '1'],
        ['GNU.sparse.minor', '0'],
        ['GNU.sparse.realsize', '100'],
        ...records,
      ]),
      member({ name: 'x' }, map),
    );
  };

  test.each([
    ['runs overlap', zero1('0,2,1,2', '100', '2')],
    ['a run ends behind the file', zero1('98,4')],
    ['runs are less than what is stored', zero1('0,3')],
    ['runs are more than what is stored', zero1('0,5')],
    ['the map is no numbers', zero1('0,x')],
    ['the map has an odd number', zero1('0')],
    ['the count of runs is wrong', zero1('0,4', '100', '2')],
    ['the size is no number', zero1('0,4', '-1')],
    ['the map in the body is no number', one0('x\n')],
    ['the map in the body is cut off', one0('9\n1\n')],
    ['the map in the body has a line without an end', one0('0'.repeat(512))],
    ['a line of the map in the body goes on for ever', one0(`2\n${'0'.repeat(510)}`)],
    ['the format is unknown', one0('0\n', [['GNU.sparse.minor', '7']])],
    ['half of the format is missing', one0('0\n', [['GNU.sparse.minor', '']])],
    ['it has two sizes', one0('0\n', [['GNU.sparse.size', '99']])],
    ['there is a size and no map', archive(pax([['GNU.sparse.size', '9']]), member({ name: 'x' }))],
    ['there is a name and no map', archive(pax([['GNU.sparse.name', 'y']]), member({ name: 'x' }))],
    [
      'lengths come before offsets',
      archive(
        pax([
          ['GNU.sparse.size', '9'],
          ['GNU.sparse.numblocks', '1'],
          ['GNU.sparse.numbytes', '4'],
          ['GNU.sparse.offset', '0'],
        ]),
        member({ name: 'x' }, 'abcd'),
      ),
    ],
    [
      'two numbers are in one',
      archive(
        pax([
          ['GNU.sparse.size', '9'],
          ['GNU.sparse.numblocks', '1'],
          ['GNU.sparse.offset', '0,4'],
        ]),
        member({ name: 'x' }, 'abcd'),
      ),
    ],
    ['the header is no GNU one', archive(member({ name: 'x', type: 'S' }))],
    [
      'a directory is sparse',
      archive(
        pax([
          ['GNU.sparse.size', '0'],
          ['GNU.sparse.numblocks', '0'],
          ['GNU.sparse.map', ''],
        ]),
        member({ name: 'x', type: '5' }),
      ),
    ],
    [
      'the real size is below zero',
      archive(member({ ...gnuHeader, patches: [[483, base256(-1n, 12)]] })),
    ],
  ])('as corrupt when %s', (_, tar) => {
    expect(failure(tar).code).toBe('LAYER_CORRUPT');
  });
});
