import type { Descriptor, DescriptorPlatform } from '../descriptor.ts';

/**
 * Names of manifests: the entries of `index.json` that carry `org.opencontainers.image.ref.name`
 * (OCI image-spec, annotations.md). Any text is a name. Every call here may fail as `STORE_CORRUPT`
 * when `index.json` is damaged.
 *
 * A name may stand for several platforms, each in an entry of its own. An entry that says no
 * platform stands for all of them.
 */
export interface Refs {
  /** In the order of their names; of one name, in that of its entries. */
  list(): Promise<readonly Ref[]>;
  /**
   * The entry of `name` for `platform` (os, architecture and variant equal). Where no platform is
   * given: that of linux/amd64, else the first.
   */
  get(name: string, platform?: DescriptorPlatform): Promise<Descriptor | undefined>;
  /**
   * Replaces the entry of the same name and the same `descriptor.platform`; others stay. What it
   * leads to need not be there, and is held.
   */
  set(name: string, descriptor: Descriptor): Promise<void>;
  /** Removes the name for every platform. True when it was there. */
  delete(name: string): Promise<boolean>;
}

/** An entry of `index.json` that has a name. */
export interface Ref {
  readonly name: string;
  readonly descriptor: Descriptor;
}
