import { Buffer } from 'node:buffer';
import { base256, gnuMap, header, pax } from '../tar-builder.ts';
import { file, type Hazards, hardLink, layer, mtime } from './hazard.ts';

type Runs = readonly (readonly [position: number, length: number])[];

const next = file('next', 'n');
const hole = 1024;

/** `count` runs of a block, each of one letter, a block apart; the last one as long as it is told. */
function many(count: number, last = 512): { runs: Runs; stored: string; size: number } {
  const lengths = Array.from({ length: count }, (_, n) => (n === count - 1 ? last : 512));
  return {
    runs: lengths.map((length, n) => [n * hole, length]),
    stored: lengths.map((length, n) => String.fromCharCode(65 + (n % 26)).repeat(length)).join(''),
    size: (count - 1) * hole + last,
  };
}

/** A hole, a block, a hole, and a few bytes. */
const two = {
  runs: [
    [hole, 512],
    [5120, 6],
  ],
  stored: `${'A'.repeat(512)}BBBBBB`,
  size: 5126,
} as const;

/** GNU tar ends the map of a file that ends with a hole with a run of no bytes. */
const holeLast = {
  runs: [
    [0, 512],
    [5100, 0],
  ],
  stored: 'A'.repeat(512),
  size: 5100,
} as const;

const onlyHole = { runs: [[5100, 0]], stored: '', size: 5100 } as const;
const holeFirst = { runs: [[5120, 4]], stored: 'last', size: 5124 } as const;

interface Sparse {
  readonly runs: Runs;
  readonly stored: string;
  readonly size: number | bigint;
}

/** Old GNU: four runs in the header, and 21 in each block that follows it. */
function gnu({ runs, stored, size }: Sparse): Buffer {
  const blocks: Buffer[] = [];
  for (let at = 4; at < runs.length; at += 21) {
    const block = Buffer.alloc(512);
    block.set(gnuMap(runs.slice(at, at + 21)));
    block[504] = at + 21 < runs.length ? 1 : 0;
    blocks.push(block);
  }
  const patches = [
    [386, gnuMap(runs.slice(0, 4))],
    [482, Buffer.from([blocks.length > 0 ? 1 : 0])],
    [483, typeof size === 'bigint' ? base256(size, 12) : gnuMap([[size, 0]]).subarray(0, 12)],
  ] as const;
  const head = header({ name: 'a', type: 'S', magic: 'gnu', mtime, patches }, stored.length);
  return Buffer.concat([head, ...blocks, padded(stored)]);
}

function pax00({ runs, stored, size }: Sparse): Buffer {
  const records = [
    ['GNU.sparse.size', `${size}`],
    ['GNU.sparse.numblocks', `${runs.length}`],
    ...runs.flatMap(([position, length]) => [
      ['GNU.sparse.offset', `${position}`] as const,
      ['GNU.sparse.numbytes', `${length}`] as const,
    ]),
  ] as const;
  return Buffer.concat([pax(records), file('a', stored)]);
}

function pax01({ runs, stored, size }: Sparse): Buffer {
  const records = [
    ['GNU.sparse.size', `${size}`],
    ['GNU.sparse.numblocks', `${runs.length}`],
    ['GNU.sparse.map', runs.flat().join(',')],
    ['GNU.sparse.name', 'a'],
  ] as const;
  return Buffer.concat([pax(records), file('GNUSparseFile.1/a', stored)]);
}

function pax10({ runs, stored, size }: Sparse, map = bodyMap(runs), name = 'a'): Buffer {
  const records = [
    ['GNU.sparse.major', '1'],
    ['GNU.sparse.minor', '0'],
    ['GNU.sparse.realsize', `${size}`],
    ['GNU.sparse.name', name],
  ] as const;
  return Buffer.concat([
    pax(records),
    file('GNUSparseFile.1/a', Buffer.concat([map, Buffer.from(stored)])),
  ]);
}

function bodyMap(runs: Runs): Buffer {
  return padded([runs.length, ...runs.flat()].map((value) => `${value}\n`).join(''));
}

function padded(text: string): Buffer {
  return Buffer.from(text.padEnd(Math.ceil(text.length / 512) * 512, '\0'));
}

/** Files with holes, in every way that tars write them. */
export const sparse: Hazards = {
  'sparse-gnu': layer(gnu(two), next),
  'sparse-gnu-of-four-runs': layer(gnu(many(4)), next),
  'sparse-gnu-continued': layer(gnu(many(5, 9)), next),
  'sparse-gnu-continued-twice': layer(gnu(many(26)), next),
  'sparse-gnu-hole-first': layer(gnu(holeFirst), next),
  'sparse-gnu-hole-last': layer(gnu(holeLast), next),
  'sparse-gnu-only-a-hole': layer(gnu(onlyHole), next),
  'sparse-pax-0.0': layer(pax00(two), next),
  'sparse-pax-0.0-hole-last': layer(pax00(holeLast), next),
  'sparse-pax-0.1': layer(pax01(two), next),
  'sparse-pax-0.1-only-a-hole': layer(pax01(onlyHole), next),
  'sparse-pax-1.0': layer(pax10(two), next),
  'sparse-pax-1.0-map-of-two-blocks': layer(pax10(many(55)), next),
  'sparse-pax-1.0-hole-first': layer(pax10(holeFirst), next),
  'sparse-pax-1.0-hole-last': layer(pax10(holeLast), next),
  'sparse-pax-1.0-only-a-hole': layer(pax10(onlyHole), next),
  'sparse-without-holes': layer(pax10({ runs: [[0, 5]], stored: 'whole', size: 5 }), next),
  'sparse-of-no-bytes': layer(pax10({ runs: [[0, 0]], stored: '', size: 0 }), next),
  'sparse-and-hard-linked': layer(pax10(two), hardLink('b', 'a')),
  'sparse-with-a-long-name': layer(pax10(two, undefined, `${'n'.repeat(120)}/a`), next),
  'sparse-last-hole-not-in-the-map': layer(pax10({ ...two, size: 5200 }), next),
  'sparse-runs-of-odd-lengths': layer(
    pax10({
      runs: [
        [1000, 4],
        [5000, 6],
      ],
      stored: 'AAAABBBBBB',
      size: 5006,
    }),
    next,
  ),
  'sparse-runs-overlap': layer(
    gnu({
      runs: [
        [0, 512],
        [500, 6],
      ],
      stored: two.stored,
      size: two.size,
    }),
  ),
  'sparse-runs-behind-the-end': layer(gnu({ ...two, size: 5123 })),
  'sparse-runs-of-more-than-is-stored': layer(gnu({ ...two, stored: two.stored.slice(1) })),
  'sparse-pax-1.0-map-longer-than-the-body': layer(
    pax10({ runs: [], stored: '', size: 9 }, Buffer.from('9\n0\n1\n')),
  ),
  'sparse-hole-of-a-pebibyte': layer(gnu({ runs: [[0, 4]], stored: 'head', size: 2n ** 50n })),
  'sparse-hole-beyond-53-bits': layer(gnu({ runs: [[0, 4]], stored: 'head', size: 2n ** 60n })),
};
