import type { Elf } from '../elf/elf.ts';
import { readElf } from '../elf/read.ts';
import { architectureNames } from './architecture.ts';
import { folderOf } from './command.ts';
import { type Files, isFile, readWhole } from './files.ts';
import { hostObjectOf, objectOf } from './json.ts';
import { hostJsonCap } from './runtimeconfig.ts';
import { libraryFoldersOf } from './sonames.ts';
import { compareVersions, parseVersion } from './version.ts';

/**
 * Whether a program or library is linked to musl, Alpine's C library: no .NET for it is known to run on
 * OSv. Alpine calls it `libc.musl-x86_64.so.1`; as others build it, it is `libc.so`.
 */
export function usesMusl({ interpreter, needed }: Pick<Elf, 'interpreter' | 'needed'>): boolean {
  return (
    interpreter?.includes('/ld-musl-') === true ||
    needed.some((soname) => soname.startsWith('libc.musl-') || soname === 'libc.so')
  );
}

/** False for what is no ELF file. */
export function isLinkedToMusl(files: Files, path: string): boolean {
  const elf = files.read(path, readElf);
  return elf?.kind === 'elf' && usesMusl(elf);
}

/** What is looked at; all paths absolute, without links. */
export interface MuslProgram {
  /** What the image starts: `dotnet`, an apphost or the app itself. */
  readonly executable: string;
  readonly assembly?: string;
  /** The app's deps.json, where it is no file beside `assembly`. */
  readonly deps?: { readonly path: string; readonly bytes: Uint8Array };
}

/** By what an image is known to be for musl: a sentence each, the strongest first (DOTNET.md 5). */
export function muslMarks(files: Files, program: MuslProgram): readonly string[] {
  return [
    ...loaderMark(files, program.executable),
    ...runtimeMark(files, program),
    ...depsMarks(files, program),
    ...systemMarks(files),
  ];
}

function loaderMark(files: Files, path: string): readonly string[] {
  const elf = files.read(path, readElf);
  return elf?.kind === 'elf' && elf.interpreter !== undefined && usesMusl(elf)
    ? [`${path} asks for the loader ${elf.interpreter}`]
    : [];
}

/** The runtime beside the app, else the one beside `dotnet`. */
function runtimeMark(files: Files, { executable, assembly }: MuslProgram): readonly string[] {
  const shared = `${folderOf(executable)}/shared/Microsoft.NETCore.App`;
  const newest = files
    .list(shared)
    .map(parseVersion)
    .filter((version) => version !== undefined)
    .sort(compareVersions)
    .at(-1);
  const path = [folderOf(assembly ?? executable), `${shared}/${newest?.text}`]
    .map((folder) => `${folder}/libcoreclr.so`)
    .find((path) => isFile(files, path));
  const elf = path === undefined ? undefined : files.read(path, readElf);
  return elf?.kind === 'elf' && usesMusl(elf)
    ? [`${path} needs ${elf.needed.find((soname) => usesMusl({ needed: [soname] })) ?? 'musl'}`]
    : [];
}

const muslRid = /^linux-musl(?:-|$)/;
const muslPack = /^runtimepack\.[^/]*\.(linux-musl-[^/.]+)(?:\/|$)/;

function depsMarks(files: Files, { assembly, deps }: MuslProgram): readonly string[] {
  const path = deps?.path ?? assembly?.replace(/\.[^./]*$/, '.deps.json');
  const bytes =
    deps?.bytes ?? (path === undefined ? undefined : readWhole(files, path, hostJsonCap));
  const document = bytes === undefined ? undefined : hostObjectOf(bytes);
  const target =
    objectOf(document?.get('runtimeTarget'))?.get('name') ?? document?.get('runtimeTarget');
  const rid = typeof target === 'string' ? (target.split('/')[1] ?? '') : '';
  const packs = [...(objectOf(document?.get('libraries'))?.keys() ?? [])];
  const pack = packs.find((name) => muslPack.test(name));
  return [
    ...(muslRid.test(rid) ? [`${path} is for ${rid}`] : []),
    ...(pack === undefined ? [] : [`${path} has ${pack}`]),
  ];
}

const releaseCap = 64 << 10;

/** None where there is a glibc too, as on a Debian with its package of musl: the system is one of glibc then. */
function systemMarks(files: Files): readonly string[] {
  const release = readWhole(files, '/etc/os-release', releaseCap);
  const isAlpine =
    release !== undefined && /^ID=(["']?)alpine\1\s*$/m.test(Buffer.from(release).toString());
  const { gnu } = architectureNames[files.architecture];
  const loader = ['/lib', '/usr/lib']
    .map((folder) => `${folder}/ld-musl-${gnu}.so.1`)
    .find((path) => isFile(files, path));
  if ((!isAlpine && loader === undefined) || hasGlibc(files)) return [];
  return [
    ...(isAlpine ? ['/etc/os-release says ID=alpine'] : []),
    ...(loader === undefined ? [] : [`${loader} is there`]),
  ];
}

/** Links of that name to musl, as Alpine's packages for foreign programs make them, do not count. */
function hasGlibc(files: Files): boolean {
  return libraryFoldersOf(files.architecture).some((folder) => {
    const elf = files.read(`${folder}/libc.so.6`, readElf);
    return elf?.kind === 'elf' && elf.soname === 'libc.so.6' && !usesMusl(elf);
  });
}

/** Whether the libraries of a file system are linked to musl. */
export function isMuslSystem(files: Files): boolean {
  return systemMarks(files).length > 0;
}
