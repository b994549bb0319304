import { Buffer } from 'node:buffer';
import { deflateRawSync, gzipSync } from 'node:zlib';
import { zstdFrame } from '../support/layers.ts';
import { layerFixtures } from './layer-fixtures.ts';
import { tarSeeds } from './tar-seeds.ts';

/** What is compressed: short tars, nothing, text that compresses well and bytes that do not. */
function plains(): readonly Buffer[] {
  const noise = Buffer.from(Array.from({ length: 700 }, (_, i) => (i * i * 31 + i * 7) % 256));
  const tars = tarSeeds().slice(0, 2).map(Buffer.from);
  return [Buffer.alloc(0), Buffer.alloc(200_000, 'text'), noise, ...tars];
}

/** RFC 1952: every field of a header, members one after the other, stored blocks, what may follow. */
export function gzipSeeds(): readonly Uint8Array[] {
  const members = plains().flatMap((plain) => [gzipSync(plain), gzipSync(plain, { level: 0 })]);
  const [first = Buffer.alloc(0), second = first] = members;
  return [
    ...members,
    Buffer.concat([first, second, ...members.slice(4, 6)]),
    Buffer.concat([second, Buffer.alloc(512)]),
    Buffer.concat([second, Buffer.from('what follows')]),
    Buffer.concat([second, Buffer.from([0x1f, 0x8b])]),
    withAllFields(Buffer.from('all fields of a header')),
    ...layerFixtures('.gz'),
  ];
}

function withAllFields(plain: Buffer): Buffer {
  const head = Buffer.from([0x1f, 0x8b, 8, 0x1d, 0, 0, 0, 0, 0, 3, 4, 0, 1, 2, 3, 4]);
  const trailer = gzipSync(plain).subarray(-8);
  const names = Buffer.from('name\0comment\0');
  return Buffer.concat([head, names, deflateRawSync(plain), trailer]);
}

/** RFC 8878: frames one after the other, skippable ones before, between and after them. */
export function zstdSeeds(): readonly Uint8Array[] {
  const frames = plains().map(zstdFrame);
  const [empty = Buffer.alloc(0), text = empty, noise = empty] = frames;
  const skippable = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4]);
  return [
    ...frames,
    Buffer.concat([text, noise, empty, noise]),
    Buffer.concat([skippable, noise, skippable, text, skippable]),
    Buffer.concat([noise, Buffer.from('what follows')]),
    // Two raw blocks and one of a repeated byte, in a frame that tells neither size nor sum.
    Buffer.from('28b52ffd005810000061620063001800007a', 'hex'),
    ...layerFixtures('.zst'),
  ];
}
