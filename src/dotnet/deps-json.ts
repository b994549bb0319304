import { parseHostJson } from './json.ts';

/** The groups of assets whose files the host wants to be there (corehost, deps_format.cpp). */
const groups = ['runtime', 'native', 'resources'] as const;

/**
 * A deps.json without the assets that `isGone` says are not there any more: the host refuses to start
 * where one is missing. It is asked by the path an asset has beside the deps.json: its name, below its
 * culture for resources, or the one it says. The libraries themselves stay.
 * @returns undefined when nothing changes, or it is no JSON, which is for the host to say.
 */
export function withoutAssets(
  bytes: Uint8Array,
  isGone: (path: string) => boolean,
): Uint8Array | undefined {
  let document: unknown;
  try {
    document = parseHostJson(bytes);
  } catch {
    return undefined;
  }
  const removed = assetsOf(document).filter((asset) => isGone(placeOf(asset)));
  for (const { assets, path } of removed) delete assets[path];
  return removed.length === 0
    ? undefined
    : Buffer.from(`${JSON.stringify(document, undefined, 2)}\n`);
}

type Members = Record<string, unknown>;

interface Asset {
  readonly group: (typeof groups)[number];
  /** The object it stands in. */
  readonly assets: Members;
  readonly path: string;
}

/** Where the host looks for it: at its `localPath`, which SDKs since .NET 9 may write, else by its name. */
function placeOf({ group, assets, path }: Asset): string {
  const localPath = membersOf(assets[path])?.['localPath'];
  return typeof localPath === 'string' && localPath !== ''
    ? localPath
    : path
        .split('/')
        .slice(group === 'resources' ? -2 : -1)
        .join('/');
}

/** What packages write in place of a file that they do not have: the host passes over it (DOTNET.md 2.7). */
const placeholder = '/_._';

/** Of every library of every target. */
function assetsOf(document: unknown): readonly Asset[] {
  const libraries = membersIn(membersOf(document)?.['targets']).flatMap(membersIn);
  return libraries.flatMap((library) =>
    groups.flatMap((group) => {
      const assets = membersOf(membersOf(library)?.[group]) ?? {};
      const paths = Object.keys(assets).filter((path) => !path.endsWith(placeholder));
      return paths.map((path) => ({ group, assets, path }));
    }),
  );
}

function membersIn(value: unknown): unknown[] {
  return Object.values(membersOf(value) ?? {});
}

function membersOf(value: unknown): Members | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Members)
    : undefined;
}
