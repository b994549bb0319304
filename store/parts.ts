import type { Digest } from './digest.ts';
import type { StoreEvent } from './event.ts';
import type { Files } from './files/files.ts';
import type { Layout } from './layout.ts';
import type { Limits } from './limits.ts';

/** What the parts of one open store share. */
export interface StoreParts {
  readonly files: Files;
  /** True where `files` are those of this host, under their own paths: other threads see them too. */
  readonly isOnHost: boolean;
  readonly inflater: 'auto' | 'node';
  readonly layout: Layout;
  readonly limits: Limits;
  readonly onEvent: (event: StoreEvent) => void;
  /**
   * Makes the folders of the store; called before the first write.
   * @throws StoreError `STORE_UNUSABLE` for a store that was opened for reading only.
   */
  readonly prepare: () => Promise<void>;
  /** Makes what is in a folder durable, whoever put it there. */
  readonly settle: (folder: string) => Promise<void>;
  /** See `Store.hold`. */
  readonly hold: (digests: readonly Digest[]) => Promise<void>;
}
