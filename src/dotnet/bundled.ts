import { inflateRawSync } from 'node:zlib';
import { readElf } from '../elf/read.ts';
import type { SyncAccess } from '../tree/access.ts';
import type { DotnetApp } from './app.ts';
import { type Bundle, type BundledFile, readBundle } from './bundle.ts';
import { baseName } from './command.ts';
import type { Files } from './files.ts';
import { readHostMarkers } from './markers.ts';
import { hostJsonCap } from './runtimeconfig.ts';

/** A single-file app, opened to look at the files inside of it. */
export interface BundledApp {
  readonly files: readonly BundledFile[];
  readonly deps: Uint8Array | undefined;
  readonly runtimeConfig: Uint8Array | undefined;
  /** Name of the entry assembly; that of the executable where nothing tells. */
  readonly entry: string;
  /** Undefined for what is too large, or does not inflate: that is for the host to say. */
  readonly open: (file: BundledFile) => SyncAccess | undefined;
}

/** Bytes of one compressed file that are inflated. */
const inflatedCap = 64 << 20;

/** Undefined for what is no single-file app. */
export function openBundledApp(
  { kind, executable }: Pick<DotnetApp, 'kind' | 'executable'>,
  files: Files,
): BundledApp | undefined {
  return kind === 'single-file' ? openExecutable(executable, files) : undefined;
}

/** The bundle in the executable at `path`; undefined where there is none, or one that is damaged. */
export function openExecutable(path: string, files: Files): BundledApp | undefined {
  return files.read(path, (access) => {
    const elf = readElf(access);
    const markers = elf?.kind === 'elf' ? readHostMarkers(access, elf) : undefined;
    const bundle = markers && readBundle(access, markers.bundleHeader);
    return typeof bundle === 'object' ? bundledAppOf(access, bundle, path) : undefined;
  });
}

function bundledAppOf(access: SyncAccess, { files }: Bundle, path: string): BundledApp {
  const settings = files.find(({ type }) => type === 'runtimeconfig');
  const document = (type: BundledFile['type']): Uint8Array | undefined => {
    const file = files.find((one) => one.type === type && one.size <= hostJsonCap);
    const opened = file && openFile(access, file);
    return opened?.read(0, opened.size);
  };
  return {
    files,
    deps: document('deps'),
    runtimeConfig: document('runtimeconfig'),
    entry: settings?.path.replace(/\.runtimeconfig\.json$/, '.dll') ?? `${baseName(path)}.dll`,
    open: (file) => openFile(access, file),
  };
}

function openFile(access: SyncAccess, file: BundledFile): SyncAccess | undefined {
  const { offset, size, compressedSize } = file;
  if (compressedSize === 0) {
    return {
      size,
      read: (at, length) => access.read(offset + at, Math.max(0, Math.min(length, size - at))),
    };
  }
  if (Math.max(size, compressedSize) > inflatedCap) return undefined;
  try {
    const bytes = inflateRawSync(access.read(offset, compressedSize), {
      maxOutputLength: Math.max(size, 1),
    });
    return { size: bytes.length, read: (at, length) => bytes.subarray(at, at + length) };
  } catch {
    return undefined;
  }
}
