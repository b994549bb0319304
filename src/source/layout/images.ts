import type { Descriptor, Digest } from '../../../store/index.ts';
import type { Source } from '../source.ts';

/** Images on this machine: a layout, an archive or the store, and the blobs they are made of. */
export interface Images {
  /** For error sentences: `the layout DIR`. */
  readonly where: string;
  /** The text of the location, to which `:NAME` can be added. */
  readonly location: string;
  /** The next command for who named none of these images; absent where a location with a `name` is that. */
  readonly naming?: (name: string) => string;
  /** In the order they are listed; each manifest or index once. */
  readonly list: readonly NamedImage[];
  /** What is listed only because it refers to an image: signatures, SBOMs. */
  readonly referrers: readonly Descriptor[];
  readonly fetch: Source['fetch'];
  /** Bytes of a blob, listed or not; undefined when there is none. */
  size(digest: Digest): Promise<number | undefined>;
  close(): Promise<void>;
}

export interface NamedImage {
  /** All names of the image, the fullest first; none for an image without. */
  readonly names: readonly string[];
  readonly descriptor: Descriptor;
}

/** Which of several images is meant. */
export interface Choice {
  readonly tag?: string;
  readonly digest?: Digest;
}
