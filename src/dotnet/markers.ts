import type { Elf } from '../elf/elf.ts';
import { segmentFlags, segmentTypes } from '../elf/elf.ts';
import { readSymbols } from '../elf/symbols.ts';
import type { SyncAccess } from '../tree/access.ts';

/** What .NET's build puts into the executables it makes (dotnet/runtime, src/native/corehost). */
export interface HostMarkers {
  /** Position of the bundle header in the file, 0 for an apphost without a bundle. */
  readonly bundleHeader: number;
  /** True for the apphost as the SDK ships it, before `dotnet build` writes an app's name into it. */
  readonly unbound: boolean;
  /** Texts of the data segment that end in `.dll`: one of them is the name of the app. */
  readonly assemblies: readonly string[];
}

/** sha256 of ".net core bundle"; the 8 bytes before it are the position of the bundle header. */
const bundleSignature = Buffer.from(
  '8b1202b96a612038727b930214d7a03213f5b9e6efae3318ee3b2dce24b36aae',
  'hex',
);

/** Stands where the name of the app is written (apphost, standalone/apphost.cpp). */
const placeholder = Buffer.from('c3ab8ff13720e8ad9047dd39466b3c8974e592c2fa383d4a3960714caef0c4f2');

// An apphost has 2 KiB of data, the 140 MB of a single file have 3 MiB.
const dataCap = 64 << 20;
const nameCap = 1024;
const namesCap = 64;

/** @returns undefined for executables without the bundle signature: not made from an apphost. */
export function readHostMarkers(access: SyncAccess, elf: Elf): HostMarkers | undefined {
  // A hostile file may announce the same bytes as hundreds of segments.
  let left = dataCap;
  for (const { type, flags, offset, fileSize } of elf.segments) {
    const writable = type === segmentTypes.load && (flags & segmentFlags.write) !== 0;
    if (!writable || fileSize > left || offset + fileSize > access.size) {
      continue;
    }
    left -= fileSize;
    const data = Buffer.from(access.read(offset, fileSize));
    const at = data.indexOf(bundleSignature);
    if (at >= 8) {
      return {
        bundleHeader: Number(data.readBigInt64LE(at - 8)),
        unbound: data.includes(placeholder),
        assemblies: assembliesIn(data),
      };
    }
  }
  return undefined;
}

function assembliesIn(data: Buffer): readonly string[] {
  const found: string[] = [];
  for (let end = data.indexOf('.dll\0'); end !== -1; end = data.indexOf('.dll\0', end + 1)) {
    const start = data.lastIndexOf(0, end) + 1;
    if (end - start <= nameCap && found.length < namesCap) {
      found.push(data.toString('utf8', start, end + 4));
    }
  }
  return found;
}

const nativeAotSections = new Set([
  '__managedcode',
  '.managed',
  '__unbox',
  '.dotnet_eh_table',
  '__modules',
  '.hydrated',
]);

/** Marks of the Native AOT compiler, at least two of which make a Native AOT program. */
export function nativeAotMarks(access: SyncAccess, elf: Elf): readonly string[] {
  const sections = elf.sections
    .map(({ name }) => name)
    .filter((name) => nativeAotSections.has(name));
  const symbols = readSymbols(access, elf);
  const exported =
    'kind' in symbols
      ? []
      : symbols.map(({ name }) => name).filter((name) => name === 'DotNetRuntimeDebugHeader');
  const version = ilcVersion(access, elf);
  return [...sections, ...exported, ...(version === undefined ? [] : [`ilc ${version}`])];
}

const commentCap = 64 << 10;

/** Version of the Native AOT compiler: `.NET: ilc VERSION` in the section `.comment`, when it is there. */
export function ilcVersion(access: SyncAccess, elf: Elf): string | undefined {
  const section = elf.sections.find(({ name }) => name === '.comment');
  if (section === undefined || section.size > commentCap) {
    return undefined;
  }
  const text = Buffer.from(access.read(section.offset, section.size)).toString('latin1');
  return /\.NET: ilc ([0-9]+\.[0-9]+\.[0-9]+)/.exec(text)?.[1];
}

const icuName = Buffer.from('libicuuc');
const searchStep = 1 << 20;
const searchCap = 512 << 20;

/**
 * Whether a Native AOT program opens libicu: what is compiled without cultures has not even its name. True
 * for programs too large to be searched.
 */
export function looksForIcu(access: SyncAccess, elf: Elf): boolean {
  const loaded = elf.segments.filter(({ type }) => type === segmentTypes.load);
  if (loaded.reduce((sum, { fileSize }) => sum + fileSize, 0) > searchCap) return true;
  return loaded.some(({ offset, fileSize }) => {
    for (let at = offset; at < offset + fileSize; at += searchStep) {
      const length = Math.min(searchStep + icuName.length - 1, offset + fileSize - at);
      if (Buffer.from(access.read(at, length)).includes(icuName)) return true;
    }
    return false;
  });
}
