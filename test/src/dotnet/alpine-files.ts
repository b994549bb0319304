import { filesOfTree } from '../../../src/dotnet/files.ts';
import { buildElf } from '../elf/elf-builder.ts';
import {
  core,
  describeImage,
  type ImageFiles,
  managed,
  muslElf,
  noContents,
  runtime,
  treeOf,
} from './image-builder.ts';

export const muslLoader = '/lib/ld-musl-x86_64.so.1';
export const muslLibrary = buildElf({ needed: ['libc.musl-x86_64.so.1'] });
export const glibcLibrary = buildElf({ needed: ['libc.so.6'] });

/** What Alpine has besides .NET. */
export const alpine: ImageFiles = {
  '/etc/os-release': 'NAME="Alpine Linux"\nID=alpine\n',
  [muslLoader]: buildElf({ soname: 'libc.musl-x86_64.so.1' }),
  '/lib/libc.musl-x86_64.so.1': { link: 'ld-musl-x86_64.so.1' },
};

export const muslRuntime = runtime({ core: ['8.0.4'] }, { elf: muslElf });
export const glibcRuntime = runtime({ core: ['8.0.30'] });
export const portable = managed('app', { framework: core('8.0.0') });

export const filesOf = (...images: readonly ImageFiles[]) =>
  filesOfTree(treeOf(...images), noContents);

/** The app of an image that has Alpine below it. */
export const describeAlpine = (files: ImageFiles, ...entrypoint: readonly string[]) =>
  describeImage({ ...alpine, ...files }, { Entrypoint: entrypoint });

/** A deps.json for this platform. */
export const depsFor = (rid: string, more: Record<string, unknown> = {}): string => {
  const name = `.NETCoreApp,Version=v8.0${rid === '' ? '' : `/${rid}`}`;
  return JSON.stringify({ runtimeTarget: { name, signature: '' }, targets: { [name]: more } });
};
