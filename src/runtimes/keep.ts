import { realpath } from 'node:fs/promises';
import type { Store } from '../../store/index.ts';
import { type Architecture, architectureOfPlatform } from '../dotnet/architecture.ts';
import type { RuntimeCandidate } from '../dotnet/choose.ts';
import type { LibraryPlace } from '../dotnet/closure.ts';
import { filesOfTree } from '../dotnet/files.ts';
import { hostFilesFor } from '../dotnet/host-files.ts';
import { readDotnetFolder } from '../dotnet/installed.ts';
import { parseKeptName } from '../dotnet/kept-refs.ts';
import { type KeptRuntime, nameRuntime } from '../dotnet/kept-runtimes.ts';
import { librariesOfRuntime } from '../dotnet/libraries.ts';
import { packOf } from '../dotnet/pack.ts';
import { packTar } from '../dotnet/pack-tar.ts';
import { findDotnetFolders, findHostRuntimes } from '../dotnet/runtimes.ts';
import { usualName, wholeRuntime } from '../dotnet/whole-runtime.ts';
import { ConvertError } from '../error.ts';
import { withHealing } from '../pull/heal.ts';
import type { PullOptions } from '../pull/pull.ts';
import { type OpenLayers, withLayers } from '../tree/open-layers.ts';
import type { Tree } from '../tree/tree.ts';
import { openRuntimeArchive } from './archive.ts';
import { parseRuntimeChoice, type RuntimeChoice } from './choice.ts';
import { openReference } from './stored.ts';

export interface KeepOptions extends PullOptions {
  /** `NAME` or `runtime/NAME`; `aspnetcore-VERSION` or `dotnet-VERSION` when absent. */
  readonly name?: string;
  /** Environment of this process: PATH and DOTNET_ROOT lead to the host's runtimes. */
  readonly hostEnv: Readonly<Record<string, string | undefined>>;
}

/**
 * Takes a .NET runtime into the store under a name, whole and packed as one layer.
 *
 * With it go the native libraries that it loads and OSv's kernel has not: libstdc++, libgcc, OpenSSL, ICU
 * and what these need. They are those of the image the runtime is from, else of this host: a folder and an
 * archive have none. So a kept runtime is all that a framework-dependent app needs besides itself, on any
 * machine. A build takes of them what it would take of a host: libraries of the app's own image win, and
 * an image for glibc without ICU runs with the invariant globalization.
 *
 * It is for x64 or arm64, by `platform` where that is given, else by what it is found to be.
 *
 * The same runtime and libraries give the same layer; the manifest tells where they are from as well, but
 * no path of the host.
 * @param from `host`, a folder, the archive of a runtime as it is published, or an image (`parseRuntimeChoice`).
 * @throws ConvertError `RUNTIME_NOT_FOUND`, `ARCHIVE_INVALID`, `USAGE`; the codes of `obtain` for an image;
 * StoreError.
 */
export async function keepRuntime(
  store: Store,
  from: string,
  options: KeepOptions,
): Promise<KeptRuntime> {
  if (options.name !== undefined) parseKeptName(options.name);
  return await withHealing(store, options, async () => {
    const choice = await parseRuntimeChoice(store, from);
    return await withLayers(store, async (open) => {
      const found = await findRuntime(store, open, choice, from, options);
      return await keep(store, found, from, options);
    });
  });
}

interface FoundRuntime {
  readonly candidates: readonly RuntimeCandidate[];
  /** Where libraries are looked for before the host. */
  readonly places: readonly LibraryPlace[];
  readonly origin: string;
}

async function findRuntime(
  store: Store,
  open: OpenLayers,
  choice: RuntimeChoice,
  from: string,
  options: KeepOptions,
): Promise<FoundRuntime> {
  const { platform } = options;
  const architectures: readonly Architecture[] =
    platform === undefined ? ['x64', 'arm64'] : [architectureOfPlatform(platform)];
  switch (choice.kind) {
    case 'host': {
      const candidates = architectures.map(hostFilesFor).flatMap((files) =>
        findHostRuntimes(options.hostEnv, files).map((folder): RuntimeCandidate => {
          return { from: 'host', files, folder };
        }),
      );
      return { candidates, places: [], origin: 'host' };
    }
    case 'folder': {
      const path = await realpath(choice.path);
      const candidates = architectures.map(hostFilesFor).flatMap((files): RuntimeCandidate[] => {
        const folder = readDotnetFolder(files, path);
        return folder ? [{ from: 'folder', files, folder }] : [];
      });
      return { candidates, places: [], origin: 'folder' };
    }
    case 'file': {
      const { tree, name, digest } = await openRuntimeArchive(store, open, choice.path, options);
      return { ...inTree(open, tree, architectures), origin: `archive ${name} ${digest}` };
    }
    case 'reference': {
      const { tree, image } = await openReference(store, open, choice.text, options);
      const own = [architectureOfPlatform(image.platform)];
      const origin = `image ${image.name} ${image.descriptor.digest}`;
      return { ...inTree(open, tree, own), origin };
    }
    default:
      throw new ConvertError(
        'USAGE',
        `adding a runtime: found ${JSON.stringify(from.slice(0, 160))}${choice.kind === 'kept' ? ', which is kept already' : ''}, wanted host, a folder, an archive or an image`,
        { hint: 'osv-convert runtime add host' },
      );
  }
}

function inTree(
  { contents }: OpenLayers,
  tree: Tree,
  architectures: readonly Architecture[],
): Omit<FoundRuntime, 'origin'> {
  const all = architectures.map((one) => filesOfTree(tree, contents, one));
  const candidates = all.flatMap((files) =>
    findDotnetFolders(files, new Map()).map((folder): RuntimeCandidate => {
      return { from: 'reference', files, folder };
    }),
  );
  return { candidates, places: all.map((files) => ({ from: 'reference', files })) };
}

async function keep(
  store: Store,
  { candidates, places, origin }: FoundRuntime,
  from: string,
  { name, onEvent, signal }: KeepOptions,
): Promise<KeptRuntime> {
  const runtime = wholeRuntime(candidates, from);
  const { architecture } = runtime.files;
  const own = places.filter(({ files }) => files.architecture === architecture);
  const { added, missing } = librariesOfRuntime(runtime, own);
  for (const { soname, neededBy } of missing.filter(({ required }) => required)) {
    onEvent?.({
      event: 'warning',
      text: `${neededBy} needs ${soname}, found neither there nor on this host: images that use this runtime must have it`,
    });
  }
  const pack = packOf(runtime, added);
  if (pack === undefined) throw new Error('a runtime has files');
  onEvent?.({ event: 'stage', text: `packing the runtime (${pack.entries.length} names)` });
  const call = signal === undefined ? {} : { signal };
  const { diffID, size } = await store.layers.write(packTar(pack, call), call);
  const { frameworks, hostfxr } = runtime;
  const content = { architecture, frameworks, hostfxr, layer: diffID, size, origin };
  return await nameRuntime(store, name ?? usualName(runtime), content);
}
