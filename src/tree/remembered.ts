import type { SyncAccess } from './access.ts';

/**
 * A reader that reads no file twice: what it made of one is kept as long as the file's access is, and
 * `contentAccess` gives one access for a content, whoever asks. For readers that look at nothing but the bytes,
 * and keep little of them.
 */
export function remembered<T>(read: (access: SyncAccess) => T): (access: SyncAccess) => T {
  const known = new WeakMap<SyncAccess, { readonly made: T }>();
  return (access) => {
    const found = known.get(access) ?? { made: read(access) };
    known.set(access, found);
    return found.made;
  };
}
