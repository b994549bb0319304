import { inflateRawSync } from 'node:zlib';
import type { DotnetApp } from '../dotnet/app.ts';
import { type BundledFile, readBundle } from '../dotnet/bundle.ts';
import { baseName, folderOf } from '../dotnet/command.ts';
import { type Files, readWhole } from '../dotnet/files.ts';
import { readHostMarkers } from '../dotnet/markers.ts';
import { type Assembly, readAssembly } from '../dotnet/metadata/assembly.ts';
import { hostJsonCap } from '../dotnet/runtimeconfig.ts';
import { readElf } from '../elf/read.ts';
import type { SyncAccess } from '../tree/access.ts';
import { originsIn } from './origins.ts';

/** An assembly of an app, read. */
export interface AppAssembly {
  /** Absolute in the image; inside a single-file app `/app/start!app.dll`. */
  readonly file: string;
  readonly assembly: Assembly;
  /** Whether the app's makers took it from others. */
  readonly isLibrary: boolean;
}

/** No app has more; of a hostile image the rest goes unread. */
const assemblyCap = 4096;

/** Bytes of one compressed assembly that are inflated. */
const inflatedCap = 64 << 20;

/** Bytes of all assemblies that are read: many names may lead to the same ones. */
const allCap = 1 << 30;

/**
 * The assemblies of an app, one after the other, without those of its runtime and what cannot be read. Of
 * portable apps those for one system only (`runtimes/RID/lib`) are left out: each has a sibling beside the app.
 */
export function* appAssemblies(
  app: Pick<DotnetApp, 'kind' | 'assembly' | 'executable'>,
  files: Files,
): Generator<AppAssembly> {
  if (app.kind === 'single-file') yield* bundledAssemblies(files, app.executable);
  else if (app.assembly !== undefined) yield* assembliesBeside(files, app.assembly);
}

function* assembliesBeside(files: Files, entry: string): Generator<AppAssembly> {
  const folder = folderOf(entry);
  const deps = readWhole(files, entry.replace(/\.[^./]*$/, '.deps.json'), hostJsonCap);
  const originOf = originsIn(deps, baseName(entry));
  const names = files
    .list(folder === '' ? '/' : folder)
    .filter((name) => /\.(?:dll|exe)$/.test(name));
  let left = allCap;
  for (const name of names.slice(0, assemblyCap)) {
    const origin = originOf(name);
    const file = `${folder}/${name}`;
    if (origin === 'runtime') continue;
    left -= files.find(file)?.size ?? 0;
    if (left < 0) return;
    const assembly = files.read(file, readAssembly);
    if (assembly !== undefined) yield { file, assembly, isLibrary: origin === 'library' };
  }
}

function* bundledAssemblies(files: Files, executable: string): Generator<AppAssembly> {
  const found = files.read(executable, (access) => {
    const elf = readElf(access);
    const markers = elf?.kind === 'elf' ? readHostMarkers(access, elf) : undefined;
    const bundle = markers && readBundle(access, markers.bundleHeader);
    return typeof bundle === 'object' ? { access, bundle } : undefined;
  });
  if (found === undefined) return;
  const { access, bundle } = found;
  const deps = bundle.files.find(({ type, size }) => type === 'deps' && size <= hostJsonCap);
  const settings = bundle.files.find(({ type }) => type === 'runtimeconfig');
  const entry = settings?.path.replace(/\.runtimeconfig\.json$/, '.dll') ?? '';
  const originOf = originsIn(deps && wholeOf(access, deps), entry);
  let left = allCap;
  for (const file of bundle.files.slice(0, assemblyCap)) {
    const origin = originOf(baseName(file.path));
    if (file.type !== 'assembly' || file.path.includes('/') || origin === 'runtime') continue;
    left -= Math.max(file.size, file.compressedSize);
    if (left < 0) return;
    const assembly = assemblyIn(access, file);
    if (assembly === undefined) continue;
    yield { file: `${executable}!${file.path}`, assembly, isLibrary: origin === 'library' };
  }
}

function assemblyIn(access: SyncAccess, file: BundledFile): Assembly | undefined {
  if (file.compressedSize === 0) return readAssembly(partOf(access, file));
  const bytes = wholeOf(access, file);
  return bytes && readAssembly(accessOf(bytes));
}

/** Undefined for what is too large, or does not inflate: that is for the host to say. */
function wholeOf(access: SyncAccess, file: BundledFile): Uint8Array | undefined {
  const { offset, size, compressedSize } = file;
  if (Math.max(size, compressedSize) > inflatedCap) return undefined;
  if (compressedSize === 0) return access.read(offset, size);
  try {
    return inflateRawSync(access.read(offset, compressedSize), {
      maxOutputLength: Math.max(size, 1),
    });
  } catch {
    return undefined;
  }
}

function partOf(access: SyncAccess, { offset, size }: BundledFile): SyncAccess {
  return {
    size,
    read: (at, length) => access.read(offset + at, Math.max(0, Math.min(length, size - at))),
  };
}

function accessOf(bytes: Uint8Array): SyncAccess {
  return {
    size: bytes.length,
    read: (offset, length) => bytes.subarray(offset, offset + length),
  };
}
