/** A thing in an image that has a name and a version. Its texts are the image's: hostile. */
export interface Component {
  /** Unique in an inventory, and the same in every run: the purl where there is one. */
  readonly ref: string;
  readonly kind: ComponentKind;
  readonly name: string;
  readonly version: string;
  readonly purl?: string;
  /** As it is given: an SPDX expression, or a sentence. */
  readonly license?: string;
  /** Who made or maintains the package, as it is given. */
  readonly supplier?: string;
  /** The source package that a package of a distribution was built from. */
  readonly source?: string;
  readonly checksum?: Checksum;
  /** The files that tell of it, absolute in the image; of a file in a single-file app `APP!FILE`. */
  readonly foundIn: readonly string[];
  /** `ref` of others. */
  readonly dependsOn: readonly string[];
  /** Named, but none of its files is there. */
  readonly empty?: boolean;
}

export type ComponentKind =
  /** The app that a deps.json is of. */
  | 'application'
  /** A shared framework, or the part of it that a self-contained app brings. */
  | 'framework'
  | 'nuget'
  /** An assembly of a project or a file beside the app: of no registry. */
  | 'assembly'
  | 'deb'
  | 'apk'
  | 'rpm';

export interface Checksum {
  readonly algorithm: 'SHA-256' | 'SHA-512';
  /** Hex, lower case. */
  readonly value: string;
}

/** Every component once, by `ref`: what several files tell of one is put together. */
export function mergeComponents(components: Iterable<Component>): readonly Component[] {
  const groups = new Map<string, [Component, ...Component[]]>();
  for (const component of components) {
    const group = groups.get(component.ref);
    if (group === undefined) groups.set(component.ref, [component]);
    else group.push(component);
  }
  return [...groups.values()]
    .map(joined)
    .sort((a, b) => (a.ref < b.ref ? -1 : a.ref > b.ref ? 1 : 0));
}

/** What the first does not say, a later one may. */
function joined(group: readonly [Component, ...Component[]]): Component {
  let [whole] = group;
  for (const one of group) whole = { ...one, ...whole };
  const { empty: _, ...told } = whole;
  return {
    ...told,
    foundIn: union(group.map(({ foundIn }) => foundIn)),
    dependsOn: union(group.map(({ dependsOn }) => dependsOn)),
    ...(group.every(({ empty }) => empty) && { empty: true }),
  };
}

function union(lists: readonly (readonly string[])[]): readonly string[] {
  return [...new Set(lists.flat())].sort();
}
