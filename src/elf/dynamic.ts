import type { SyncAccess } from '../tree/access.ts';
import { type DynamicTag, type Elf, type Segment, segmentTypes } from './elf.ts';
import { bytesAt, damaged, type Encoding, fieldsOf, stringIn } from './fields.ts';

const tagCap = 4096;
const neededCap = 1024;
const stringCap = 4096;

/** `d_tag` (System V gABI, chapter 5, "Dynamic Section"; DT_GNU_HASH by the GNU tools). */
export const dynamicTags = {
  end: 0,
  needed: 1,
  hash: 4,
  strings: 5,
  symbols: 6,
  stringsSize: 10,
  soname: 14,
  rpath: 15,
  runpath: 29,
  gnuHash: 0x6ffffef5,
} as const;

export function readDynamic(
  access: SyncAccess,
  encoding: Encoding,
  segments: readonly Segment[],
): Pick<Elf, 'dynamic' | 'needed' | 'soname' | 'runpath'> {
  const dynamic = readTags(access, encoding, segments);
  const text = (tag: DynamicTag): string => dynamicString(access, segments, dynamic, tag.value);
  const needed = dynamic.filter(({ tag }) => tag === dynamicTags.needed);
  if (needed.length > neededCap) {
    damaged(`${needed.length} needed libraries, at most ${neededCap} are read`);
  }
  const soname = dynamic.find(({ tag }) => tag === dynamicTags.soname);
  const runpath =
    dynamic.find(({ tag }) => tag === dynamicTags.runpath) ??
    dynamic.find(({ tag }) => tag === dynamicTags.rpath);
  return {
    dynamic,
    needed: needed.map(text),
    ...(soname && { soname: text(soname) }),
    runpath: runpath ? text(runpath).split(':').filter(Boolean) : [],
  };
}

function readTags(
  access: SyncAccess,
  encoding: Encoding,
  segments: readonly Segment[],
): readonly DynamicTag[] {
  const segment = segments.find(({ type }) => type === segmentTypes.dynamic);
  if (segment === undefined) {
    return [];
  }
  const entrySize = encoding.bits === 64 ? 16 : 8;
  const count = Math.floor(segment.fileSize / entrySize);
  if (count > tagCap) {
    damaged(`${count} dynamic entries, at most ${tagCap} are read`);
  }
  const fields = fieldsOf(
    bytesAt(access, segment.offset, count * entrySize, 'the dynamic section'),
    encoding,
  );
  const tags: DynamicTag[] = [];
  for (let index = 0; index < count; index++) {
    const tag = fields.word(index * entrySize);
    if (tag === dynamicTags.end) {
      break;
    }
    tags.push({ tag, value: fields.word(index * entrySize + entrySize / 2) });
  }
  return tags;
}

export function valueOfTag(dynamic: readonly DynamicTag[], wanted: number): number | undefined {
  return dynamic.find(({ tag }) => tag === wanted)?.value;
}

/** Where in the file `address` lies, and how many bytes of its segment follow there. */
export function placeOf(
  segments: readonly Segment[],
  address: number,
): { readonly offset: number; readonly available: number } {
  const segment = segments.find(
    (candidate) =>
      candidate.type === segmentTypes.load &&
      address >= candidate.address &&
      address < candidate.address + candidate.fileSize,
  );
  if (segment === undefined) {
    return damaged(`address 0x${address.toString(16)} is in no loaded segment`);
  }
  const skipped = address - segment.address;
  return { offset: segment.offset + skipped, available: segment.fileSize - skipped };
}

function dynamicString(
  access: SyncAccess,
  segments: readonly Segment[],
  dynamic: readonly DynamicTag[],
  position: number,
): string {
  const table = valueOfTag(dynamic, dynamicTags.strings);
  const size = valueOfTag(dynamic, dynamicTags.stringsSize);
  if (table === undefined || size === undefined || position >= size) {
    return damaged(`a name at ${position} of a string table of ${size ?? 0} bytes`);
  }
  const { offset, available } = placeOf(segments, table + position);
  const length = Math.min(stringCap, size - position, available);
  return stringIn(bytesAt(access, offset, length, 'a dynamic string'), 0);
}
