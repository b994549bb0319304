import { closeSync, fdatasync } from 'node:fs';
import { promisify } from 'node:util';

const syncData = promisify(fdatasync);

/** Bytes after which the disk is set to work, while others are written. */
const worthSyncing = 2 ** 24;

/** Lets the disk have what is written while more is, so that less is left for the end. */
export interface EarlySync {
  /** To be called after each write. */
  written(bytes: number): void;
  /** @throws what went wrong with that, once. */
  settled(): Promise<void>;
  /** Closes the file, but not before the disk is done with it, for its number is another file's then. */
  thenClose(): void;
}

export function syncEarly(fd: number): EarlySync {
  let unsynced = 0;
  let syncing: Promise<unknown> | undefined;
  /** A failure is told once by the system, to whoever syncs then. */
  let failure: { readonly cause: unknown } | undefined;

  return {
    written(bytes) {
      unsynced += bytes;
      if (unsynced < worthSyncing || syncing) return;
      unsynced = 0;
      syncing = syncData(fd)
        .catch((cause) => {
          failure = { cause };
        })
        .then(() => {
          syncing = undefined;
        });
    },

    async settled() {
      await syncing;
      if (failure) throw failure.cause;
    },

    thenClose() {
      if (syncing) void syncing.then(() => closeSync(fd));
      else closeSync(fd);
    },
  };
}
