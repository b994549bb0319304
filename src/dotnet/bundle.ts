import type { SyncAccess } from '../tree/access.ts';

/** The files inside a single-file app (dotnet/runtime, src/native/corehost/bundle). */
export interface Bundle {
  readonly majorVersion: number;
  /** Names the folder its files are extracted to. */
  readonly id: string;
  readonly files: readonly BundledFile[];
  /** What the host writes to disk before the app starts. */
  readonly extracted: readonly BundledFile[];
}

export interface BundledFile {
  /** Relative to the app's folder. */
  readonly path: string;
  readonly type: BundledFileType;
  readonly offset: number;
  /** Bytes of the file as the app sees it. */
  readonly size: number;
  /** Bytes as stored; 0 when they are stored as they are, else they are raw deflate. */
  readonly compressedSize: number;
}

export type BundledFileType =
  | 'unknown'
  | 'assembly'
  | 'native'
  | 'deps'
  | 'runtimeconfig'
  | 'symbols';

// .NET Core 3 numbers them otherwise and calls ready-to-run images and resources apart.
const typesOfVersion1: readonly BundledFileType[] = [
  'assembly',
  'assembly',
  'deps',
  'runtimeconfig',
];
const types: readonly BundledFileType[] = [
  'unknown',
  'assembly',
  'native',
  'deps',
  'runtimeconfig',
  'symbols',
];

const fileCap = 65_536;
const nameCap = 4096;
const manifestCap = 32 << 20;

/**
 * Reads the header at `offset` and the manifest behind it. Version 1 is .NET Core 3, 2 is .NET 5,
 * 6 is .NET 6 and later.
 * @returns a sentence part on what is wrong for a bundle that cannot be read.
 */
export function readBundle(access: SyncAccess, offset: number): Bundle | string {
  if (!Number.isSafeInteger(offset) || offset < 0 || offset + 12 > access.size) {
    return `the bundle header at ${offset} lies outside the file of ${access.size} bytes`;
  }
  const reader = openReader(access.read(offset, Math.min(access.size - offset, manifestCap)));
  try {
    return readManifest(reader, access.size);
  } catch (error) {
    // The one error of DataView: a manifest that ends early.
    if (error instanceof RangeError) {
      return 'the bundle manifest is damaged or ends early';
    }
    throw error;
  }
}

function readManifest(reader: Reader, fileSize: number): Bundle | string {
  const majorVersion = reader.u32();
  reader.u32();
  const count = reader.u32();
  if (![1, 2, 6].includes(majorVersion) || count > fileCap) {
    return `found bundle version ${majorVersion} with ${count} files, wanted version 1, 2 or 6 and at most ${fileCap}`;
  }
  const id = reader.text();
  // The id becomes the name of a folder.
  if (!/^[A-Za-z0-9_+=-]{1,128}$/.test(id)) {
    return `found the bundle id ${JSON.stringify(id.slice(0, 160))}`;
  }
  const locations =
    majorVersion >= 2 ? [reader.i64(), reader.i64(), reader.i64(), reader.i64()] : [];
  const extractsAll = majorVersion === 1 || (locations.length > 0 && reader.i64() % 2 === 1);
  const files: BundledFile[] = [];
  for (let index = 0; index < count; index++) {
    const file = readFile(reader, majorVersion);
    const stored = file.compressedSize === 0 ? file.size : file.compressedSize;
    if (file.offset + stored > fileSize) {
      return `the bundled file ${JSON.stringify(file.path)} ends outside the bundle`;
    }
    if (file.path.split('/').some((name) => ['', '.', '..'].includes(name))) {
      return `the bundled file ${JSON.stringify(file.path)} lies outside the app`;
    }
    if (file.path.includes('\0')) {
      return `the bundled file ${JSON.stringify(file.path)} has a NUL in its name`;
    }
    files.push(file);
  }
  return {
    majorVersion,
    id,
    files,
    extracted: extractsAll ? files : files.filter(needsExtraction),
  };
}

/** Whether the host writes the file to disk, in bundles that do not extract everything. */
function needsExtraction({ type }: BundledFile): boolean {
  return type === 'native' || type === 'symbols' || type === 'unknown';
}

function readFile(reader: Reader, majorVersion: number): BundledFile {
  const offset = reader.i64();
  const size = reader.i64();
  const compressedSize = majorVersion >= 6 ? reader.i64() : 0;
  const type = (majorVersion === 1 ? typesOfVersion1 : types)[reader.u8()] ?? 'unknown';
  return { offset, size, compressedSize, type, path: reader.text() };
}

type Reader = ReturnType<typeof openReader>;

/** Reads little-endian numbers and length-prefixed texts in sequence (.NET's BinaryWriter). */
function openReader(bytes: Uint8Array) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let position = 0;
  const advance = (length: number): number => {
    position += length;
    return position - length;
  };

  function u8(): number {
    return view.getUint8(advance(1));
  }

  function u32(): number {
    return view.getUint32(advance(4), true);
  }

  function i64(): number {
    const value = Number(view.getBigInt64(advance(8), true));
    if (value < 0 || !Number.isSafeInteger(value)) {
      throw new RangeError(`a size of ${value}`);
    }
    return value;
  }

  function text(): string {
    const first = u8();
    const length = first < 128 ? first : (first & 127) + u8() * 128;
    if (length > nameCap || position + length > bytes.length) {
      throw new RangeError(`a text of ${length} bytes`);
    }
    const start = advance(length);
    return new TextDecoder().decode(bytes.subarray(start, start + length));
  }

  return { u8, u32, i64, text };
}
