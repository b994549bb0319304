import { fileURLToPath } from 'node:url';
import type { Store } from '../store/index.ts';
import type { HostAddition, ImageAddition } from './additions/addition.ts';
import { planHostAddition } from './additions/host.ts';
import type { ConvertOptions } from './convert.ts';
import { stampAt } from './disk/file-stamp.ts';
import { listKeptRefs } from './dotnet/kept-refs.ts';
import type { PackEntry } from './dotnet/pack.ts';
import { dotnetStamps, hostStamps } from './host-stamp.ts';
import { identityOfImage } from './image-identity.ts';
import { contentStamp, inputStamp } from './input-stamp.ts';
import { formatLocation, parseLocation } from './oci/location.ts';
import { formatPlatform, type Platform } from './oci/platform.ts';
import { listKernelRefs } from './osv/kernel-refs.ts';
import { platformOf } from './pull/wanted-platform.ts';
import { parseRuntimeChoice } from './runtimes/choice.ts';
import { thisTool } from './sbom/tool.ts';

/** What is built of an image. */
export interface BuildWishes extends ConvertOptions {
  readonly reference: string;
  /** Disks in a cache are found otherwise than files. */
  readonly purpose: 'file' | 'cache';
}

/**
 * All that decides what a build makes and says, found without reading what is in the image: as text, the same as
 * long as nothing changed. Options that are not known to be without effect count, whatever they are. Undefined where
 * the store lacks an image, where a registry must be asked first, and where too much of this host would be looked at.
 * @throws ConvertError as the build would, of its options; StoreError.
 */
export async function buildInputs(store: Store, wishes: BuildWishes): Promise<string | undefined> {
  const { reference, onEvent, signal, registry, config, pull, offline, ...decisive } = wishes;
  const { add = [], copyFrom = [], runtime = 'auto', hostEnv, kernel, lock, ...rest } = decisive;
  const platform = platformOf(wishes);
  const image = await identityOfImage(store, reference, platform, wishes);
  const copied = await identitiesOf(store, copyFrom, platform, wishes);
  const runtimes = await runtimeInputs(store, runtime, platform, wishes);
  if (image === undefined || !copied || !runtimes) return undefined;
  const host = hostStamps(formatPlatform(platform), hostEnv);
  if (host === undefined) return undefined;
  const inputs = [
    toolStamps(),
    [formatLocation(parseLocation(reference)), formatPlatform(platform), image],
    lock?.images ?? null,
    await kernelInputs(store, kernel),
    runtimes,
    [copyFrom, copied],
    addedStamps(add),
    host,
    Object.entries(rest).sort(([a], [b]) => (a < b ? -1 : 1)),
  ];
  return JSON.stringify(inputs, (_, value: unknown) => (value instanceof Map ? [...value] : value));
}

/** The program itself, for one that is being worked on keeps its version; and node, which compresses. */
function toolStamps(): readonly unknown[] {
  return [thisTool().version, process.version, stampAt(fileURLToPath(import.meta.url))];
}

async function identitiesOf(
  store: Store,
  additions: readonly ImageAddition[],
  platform: Platform,
  wishes: BuildWishes,
): Promise<readonly string[] | undefined> {
  const found: string[] = [];
  for (const { reference } of additions) {
    const identity = await identityOfImage(store, reference, platform, wishes);
    if (identity === undefined) return undefined;
    found.push(identity);
  }
  return found;
}

/** Where none is named, one is chosen among all. */
async function kernelInputs(store: Store, name: string | undefined): Promise<readonly unknown[]> {
  const refs = await listKernelRefs(store);
  return name === undefined
    ? refs.map(({ name, digest, isDefault }) => [name, digest, isDefault])
    : refs.flatMap((ref) => (ref.name === name ? [name, ref.digest] : []));
}

async function runtimeInputs(
  store: Store,
  text: string,
  platform: Platform,
  wishes: BuildWishes,
): Promise<readonly unknown[] | undefined> {
  const choice = await parseRuntimeChoice(store, text);
  const kept = (await listKeptRefs(store)).map(({ name, digest }) => [name, digest]);
  if (choice.kind === 'reference') {
    const identity = await identityOfImage(store, choice.text, platform, wishes);
    return identity === undefined ? undefined : [text, identity];
  }
  if (choice.kind === 'folder') {
    const stamps = dotnetStamps(choice.path);
    return stamps && [text, stamps];
  }
  return [text, kept];
}

/** Up to this many bytes of files that are added are read, in their order: those count by what is in them. */
const readCap = 16 << 20;

/** What opening a file costs, as bytes that are read. */
const openCost = 64 << 10;

function addedStamps(additions: readonly HostAddition[]): readonly unknown[] {
  let left = readCap;
  const stampOfEntry = (entry: PackEntry): unknown => {
    if (entry.kind !== 'file') return entry;
    const { path, source, mode, size } = entry;
    left -= size + openCost;
    return [path, mode, left < 0 ? inputStamp(source) : contentStamp(source)];
  };
  return additions
    .map(planHostAddition)
    .map(({ path, entries }) => [path, entries.map(stampOfEntry)]);
}
