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
  /** Where it looks for a .NET folder besides the usual places, relative to its own (AppHostRelativeDotNet). */
  readonly relativeDotnet?: string;
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
      const relativeDotnet = relativeDotnetIn(data, at + bundleSignature.length);
      return {
        bundleHeader: Number(data.readBigInt64LE(at - 8)),
        unbound: data.includes(placeholder),
        assemblies: assembliesIn(data),
        ...(relativeDotnet !== undefined && { relativeDotnet }),
      };
    }
  }
  return undefined;
}

/** Set in the byte before the path where the host may look there. */
const appRelative = 2;

/**
 * From .NET 9 on a buffer follows the signature, 8 bytes on: where to look, 0, and a path (apphost,
 * standalone/hostfxr_resolver.cpp). Unless a project says so it holds zeros and a placeholder.
 */
function relativeDotnetIn(data: Buffer, behind: number): string | undefined {
  const start = behind + 8;
  const end = data.indexOf(0, start + 2);
  const flags = data[start] ?? 0;
  if (flags > 15 || (flags & appRelative) === 0 || data[start + 1] !== 0) return undefined;
  const path = end === -1 ? '' : data.toString('utf8', start + 2, end);
  return path === '' || end - start > 512 ? undefined : path;
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

/** Names of the base library and of its settings, of which a program without section headers has both. */
const managedTexts = ['System.Private.CoreLib', 'DOTNET_'];

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
  const texts =
    elf.sections.length > 0
      ? []
      : managedTexts.filter((text) => holds(access, elf, bothWidths(text)) === true);
  return [...sections, ...exported, ...(version === undefined ? [] : [`ilc ${version}`]), ...texts];
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

const searchStep = 1 << 20;
const searchCap = 512 << 20;

/**
 * Whether a Native AOT program opens libicu: what is compiled without cultures has not even its name. True
 * for programs too large to be searched.
 */
export function looksForIcu(access: SyncAccess, elf: Elf): boolean {
  return mayHold(access, elf, 'libicuuc');
}

/** Whether a name stands in what is loaded of a program. True for programs too large to be searched. */
export function mayHold(access: SyncAccess, elf: Elf, name: string): boolean {
  return holds(access, elf, [Buffer.from(name)]) !== false;
}

/** A name by which a Native AOT program with ASP.NET Core in it is known; such a program has no list of parts. */
export function serverPartOf(access: SyncAccess, elf: Elf): string | undefined {
  const name = 'Microsoft.AspNetCore.';
  return holds(access, elf, bothWidths(name)) === true ? name : undefined;
}

/** As names of metadata stand in a program, and as texts of the app do. */
function bothWidths(text: string): readonly Buffer[] {
  return [Buffer.from(text, 'utf8'), Buffer.from(text, 'utf16le')];
}

/** Whether what is loaded of a program holds one of some texts; undefined when it is too large to be searched. */
function holds(access: SyncAccess, elf: Elf, texts: readonly Buffer[]): boolean | undefined {
  const loaded = elf.segments.filter(({ type }) => type === segmentTypes.load);
  if (loaded.reduce((sum, { fileSize }) => sum + fileSize, 0) > searchCap) return undefined;
  const overlap = Math.max(...texts.map((text) => text.length)) - 1;
  return loaded.some(({ offset, fileSize }) => {
    for (let at = offset; at < offset + fileSize; at += searchStep) {
      const length = Math.min(searchStep + overlap, offset + fileSize - at);
      const bytes = Buffer.from(access.read(at, length));
      if (texts.some((text) => bytes.includes(text))) return true;
    }
    return false;
  });
}
