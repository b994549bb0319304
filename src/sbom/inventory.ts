import { compareNames } from '../../store/index.ts';
import type { Contents } from '../tree/contents.ts';
import type { Tree } from '../tree/tree.ts';
import { readApk } from './apk.ts';
import { readChisel } from './chisel.ts';
import { type Component, mergeComponents } from './component.ts';
import { isUnread, type Unread } from './damaged.ts';
import { readDotnet } from './dotnet.ts';
import { readDpkg } from './dpkg.ts';
import { type Distribution, readDistribution } from './os-release.ts';
import { wellFormed } from './purl.ts';
import { readRpm } from './rpm/rpm.ts';

/** All that an image says it is made of. */
export interface Inventory {
  readonly distribution?: Distribution;
  /** By `ref`. */
  readonly components: readonly Component[];
  /** By path. What is listed here may have told of more components. */
  readonly unread: readonly Unread[];
}

const componentCap = 100_000;

/**
 * Reads what package managers and .NET's SDK left in an image. A file that is damaged, or larger than any
 * such file is, is told in `unread`, and nothing in it is taken.
 * @throws StoreError for layers that cannot be read.
 */
export async function takeInventory(tree: Tree, contents: Contents): Promise<Inventory> {
  const told = readDistribution(tree, contents);
  const distribution = told === undefined || isUnread(told) ? undefined : told;
  const read = [
    ...(told !== undefined && isUnread(told) ? [told] : []),
    ...readDotnet(tree, contents),
    ...readDpkg(tree, contents, distribution),
    ...(await readChisel(tree, contents, distribution)),
    ...readApk(tree, contents, distribution),
    ...readRpm(tree, contents, distribution),
  ];
  const unread = read.filter(isUnread);
  const components = mergeComponents(read.flatMap((one) => (isUnread(one) ? [] : cleaned(one))));
  return {
    ...(distribution && { distribution }),
    components: components.length <= componentCap ? components : firstOf(components),
    unread: [...unread, ...excess(components.length)].sort((a, b) => compareNames(a.path, b.path)),
  };
}

/** JSON and the names of files may hold halves of characters, which no reader of an SBOM takes. */
function cleaned(component: Component): Component {
  const { ref, name, version, foundIn, dependsOn } = component;
  return {
    ...component,
    ref: wellFormed(ref),
    name: wellFormed(name),
    version: wellFormed(version),
    foundIn: foundIn.map(wellFormed),
    dependsOn: dependsOn.map(wellFormed),
  };
}

/** As many as are told of, of which none depends on one that is not. */
function firstOf(components: readonly Component[]): readonly Component[] {
  const told = components.slice(0, componentCap);
  const refs = new Set(told.map(({ ref }) => ref));
  return told.map((component) => ({
    ...component,
    dependsOn: component.dependsOn.filter((ref) => refs.has(ref)),
  }));
}

function excess(found: number): readonly Unread[] {
  return found <= componentCap
    ? []
    : [{ path: '/', reason: `${found} components, of which ${componentCap} are told` }];
}
