import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import type { KeptRuntime } from '../../../src/dotnet/kept-runtimes.ts';
import { ConvertError } from '../../../src/error.ts';
import { keepRuntime } from '../../../src/runtimes/keep.ts';
import { openStore, type Store } from '../../../store/index.ts';
import { type BuiltImage, buildImage } from '../../support/image.ts';
import { file, type LayerItem, symlink as linkItem } from '../../support/layers.ts';
import { writeLayout } from '../../support/layout.ts';
import { temporaryPath } from '../../support/temporary-folder.ts';
import { core, type ImageFiles, managed, runtime } from '../dotnet/image-builder.ts';
import { buildElf } from '../elf/elf-builder.ts';

const newFolder = temporaryPath('keep');

/** The folder of the running test, and the store in it. */
export let folder: string;

export let store: Store;

beforeEach(async () => {
  folder = newFolder();
  await mkdir(folder);
  store = await openStore(join(folder, 'store'));
});

afterEach(async () => {
  await store.close();
});

export const net10 = runtime({ core: ['10.0.1'], aspnet: ['10.0.1'] }, { root: '' });

/** With these, nothing is taken of the host. */
export const libraries: ImageFiles = Object.fromEntries(
  [
    ...['libstdc++.so.6', 'libgcc_s.so.1', 'libssl.so.3', 'libcrypto.so.3'],
    ...['libicuuc.so.72', 'libicui18n.so.72', 'libicudata.so.72'],
  ].map((soname) => [`/usr/lib/${soname}`, buildElf({ soname })]),
);

/** A folder of these files. */
export async function folderOf(name: string, files: ImageFiles): Promise<string> {
  const root = join(folder, name);
  await mkdir(root, { recursive: true });
  for (const [path, what] of Object.entries(files)) {
    const target = join(root, path);
    await mkdir(dirname(target), { recursive: true });
    if (typeof what === 'object' && 'link' in what) await symlink(what.link, target);
    else await writeFile(target, what);
    if (path.endsWith('/dotnet')) await chmod(target, 0o755);
  }
  return root;
}

export const itemsOf = (files: ImageFiles, prefix = ''): LayerItem[] =>
  Object.entries(files).map(([path, what]) =>
    typeof what === 'object' && 'link' in what
      ? linkItem(`${prefix}${path.slice(1)}`, what.link)
      : file(`${prefix}${path.slice(1)}`, what, {
          mode: path.endsWith('/dotnet') ? 0o755 : 0o644,
        }),
  );

/** The place of an image that has these layers. */
export async function imageWith(name: string, ...files: readonly ImageFiles[]): Promise<string> {
  await writeLayout(join(folder, name), 'a', imageOf(...files));
  return `oci:${join(folder, name)}:a`;
}

export const imageOf = (...files: readonly ImageFiles[]): BuiltImage =>
  buildImage({ layers: files.map((one) => itemsOf(one)) });

export const keep = (from: string, name?: string): Promise<KeptRuntime> =>
  keepRuntime(store, from, { hostEnv: { PATH: '/nowhere' }, ...(name !== undefined && { name }) });

/** Keeps a runtime of this version, from an image that has its libraries. */
export const keepVersion = async (version: string, name: string): Promise<KeptRuntime> =>
  keep(await imageWith(`of-${name}`, runtime({ core: [version] }), libraries), name);

/** An app that brings its libraries, and no runtime. */
export const image = { ...managed('app', { frameworks: [core('10.0.0')] }), ...libraries };

export async function failureOf(work: Promise<unknown>): Promise<ConvertError> {
  const error = await work.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  if (!(error instanceof ConvertError)) throw error ?? new Error('nothing failed');
  return error;
}
