import { Buffer } from 'node:buffer';
import { mutateBytes } from './mutate-bytes.ts';
import type { Random } from './random.ts';

const blockSize = 512;

/** Position and length of the fields of a header; those of GNU's sparse files lie over the prefix. */
const fields = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  type: [156, 1],
  linkname: [157, 100],
  magic: [257, 8],
  major: [329, 8],
  prefix: [345, 155],
  sparseRun: [386, 24],
  sparseContinues: [482, 1],
  realSize: [483, 12],
} as const;

/**
 * A tar with one to four things done to it: blocks, fields of headers, records of extended headers or
 * any bytes changed, blocks doubled, swapped or gone, the end cut off. Half of the time the checksums
 * of what were headers are made right again, so that what was done is not noticed by them.
 */
export function mutateTar(tar: Uint8Array, random: Random): Buffer {
  let mutated: Buffer = Buffer.from(tar);
  const repairs = random.chance(0.5);
  for (let times = 1 + random.below(4); times > 0; times -= 1) {
    mutated = random.pick(ways)(mutated, random);
    if (repairs) repairChecksums(mutated);
  }
  return mutated;
}

const ways: readonly ((tar: Buffer, random: Random) => Buffer)[] = [
  changeField,
  changeField,
  changeField,
  changeNumber,
  changeNumber,
  changeRecord,
  changeRecord,
  moveBlocks,
  (tar, random) => tar.subarray(0, random.below(tar.length / blockSize + 1) * blockSize),
  mutateBytes,
];

function changeField(tar: Buffer, random: Random): Buffer {
  const [start, length] = fields[random.pick(Object.keys(fields) as (keyof typeof fields)[])];
  const header = random.pick([0, ...headersOf(tar)]);
  const field = tar.subarray(header + start, header + start + length);
  if (start === fields.type[0]) {
    field.write(random.pick([...'01234567xgLKSVMDNAX\0 ']), 'latin1');
  } else if (start === fields.magic[0]) {
    field.write(
      random.pick(['ustar\x0000', 'ustar  \0', '\0\0\0\0\0\0\0\0', 'ustar\0\0\0']),
      'latin1',
    );
  } else {
    mutateBytes(field, random).copy(field);
  }
  return tar;
}

const numbers = [0n, 1n, 511n, 512n, 513n, 2n ** 31n, 2n ** 33n, 2n ** 53n - 1n, 2n ** 53n, -1n];

function changeNumber(tar: Buffer, random: Random): Buffer {
  const name = random.pick([
    'size',
    'size',
    'mtime',
    'uid',
    'major',
    'realSize',
    'sparseRun',
  ] as const);
  const [start, whole] = fields[name];
  const length = name === 'sparseRun' ? whole / 2 : whole;
  const header = random.pick([0, ...headersOf(tar)]);
  const at = header + start + (name === 'sparseRun' && random.chance(0.5) ? length : 0);
  if (at + length > tar.length) return tar;
  const value = random.chance(0.6) ? BigInt(random.below(5000)) : random.pick(numbers);
  const digits = value.toString(8);
  if (value >= 0n && digits.length < length && random.chance(0.8)) {
    tar.write(`${digits.padStart(length - 1, random.pick(['0', ' ']))}\0`, at, 'latin1');
  } else {
    for (let i = length - 1, rest = value; i >= 0; i -= 1, rest >>= 8n) {
      tar[at + i] = Number(BigInt.asUintN(8, rest));
    }
    tar[at] = (tar[at] ?? 0) | 0x80;
  }
  return tar;
}

const keys = ['path', 'linkpath', 'size', 'uid', 'gid', 'mtime', 'SCHILY.xattr.user.a'].concat(
  ['major', 'minor', 'name', 'realsize', 'size', 'numblocks', 'offset', 'numbytes', 'map'].map(
    (key) => `GNU.sparse.${key}`,
  ),
);
const values = [
  '',
  '0',
  '1',
  '-1',
  '512',
  '1.5',
  '-0.5',
  '9007199254740992',
  'a',
  '../a',
  '/',
  'a\0b',
].concat(['1,2', '0,5', '0,512,512,5', '1e9', ' 1', '.', 'a'.repeat(300), '\xff\xfe', '=', '\n']);

/** Puts an extended header with any records before a member. */
function changeRecord(tar: Buffer, random: Random): Buffer {
  const at = random.pick([0, ...headersOf(tar)]);
  const lines = Array.from({ length: 1 + random.below(4) }, () => {
    const rest = ` ${random.pick(keys)}=${random.pick(values)}\n`;
    const digits = [1, 2, 3].find((n) => String(rest.length + n).length === n) ?? 0;
    return `${rest.length + digits + (random.chance(0.05) ? random.below(9) - 4 : 0)}${rest}`;
  });
  const body = Buffer.from(lines.join(''), 'latin1');
  const header = Buffer.alloc(blockSize);
  header.write('pax', 0);
  header.write(body.length.toString(8).padStart(11, '0'), fields.size[0]);
  header.write(random.pick(['x', 'x', 'x', 'x', 'g', 'L', 'K']), fields.type[0]);
  header.write('ustar\x0000', fields.magic[0], 'latin1');
  writeChecksum(header);
  const padding = Buffer.alloc((blockSize - (body.length % blockSize)) % blockSize);
  return Buffer.concat([tar.subarray(0, at), header, body, padding, tar.subarray(at)]);
}

function moveBlocks(tar: Buffer, random: Random): Buffer {
  const block = () => random.below(tar.length / blockSize + 1) * blockSize;
  const [start = 0, end = 0] = [block(), block()].sort((a, b) => a - b);
  const [before, part, after] = [
    tar.subarray(0, start),
    tar.subarray(start, end),
    tar.subarray(end),
  ];
  return Buffer.concat(
    random.pick([
      [before, after],
      [before, part, part, after],
      [before, after, part],
      [part, before, after],
      [before, Buffer.alloc(blockSize * random.below(4)), part, after],
    ]),
  );
}

/** Blocks with something in them that looks like a checksum, right or wrong. */
function headersOf(tar: Buffer): number[] {
  const found: number[] = [];
  for (let at = 0; at + blockSize <= tar.length; at += blockSize) {
    const [start] = fields.checksum;
    if (/^[0-7]{6}\0 $/.test(tar.toString('latin1', at + start, at + start + 8))) found.push(at);
  }
  return found;
}

function repairChecksums(tar: Buffer): void {
  for (const at of headersOf(tar)) writeChecksum(tar.subarray(at, at + blockSize));
}

function writeChecksum(block: Buffer): void {
  const [start, length] = fields.checksum;
  block.fill(' ', start, start + length);
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, start);
}
