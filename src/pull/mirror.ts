import { errorCodeOf } from '../error.ts';
import type { OnEvent } from '../event.ts';
import type { Source } from '../source/source.ts';

/** A source that is asked before the one it stands in for. */
export interface MirrorSource {
  /** For people. */
  readonly location: string;
  readonly digestOnly: boolean;
  readonly source: Source;
}

/**
 * `registry` behind its mirrors. A mirror that fails is left out from there on, with a warning, and
 * what came of a blob is not asked for again: the next goes on behind it. A wrong digest is no
 * failure to hide: it ends the call. What a mirror says a tag means is taken as it is; `pinned` tells
 * that the image is named by digest, so that even a digest-only mirror may resolve it.
 */
export function withMirrors(
  mirrors: readonly MirrorSource[],
  registry: Source,
  { pinned, onEvent }: { readonly pinned: boolean; readonly onEvent?: OnEvent | undefined },
): Source {
  const failed = new Set<MirrorSource>();

  function leaveOut(mirror: MirrorSource, error: unknown, signal: AbortSignal | undefined): void {
    signal?.throwIfAborted();
    const code = errorCodeOf(error);
    if (code === undefined || code === 'DIGEST_MISMATCH') throw error;
    if (failed.has(mirror)) return;
    failed.add(mirror);
    const { message } = error as Error;
    onEvent?.({ event: 'warning', text: `${message}; going on without mirror ${mirror.location}` });
  }

  return {
    async resolve(options = {}) {
      for (const mirror of mirrors) {
        if (failed.has(mirror) || (mirror.digestOnly && !pinned)) continue;
        try {
          return await mirror.source.resolve(options);
        } catch (error) {
          leaveOut(mirror, error, options.signal);
        }
      }
      return await registry.resolve(options);
    },

    async *fetch(descriptor, options = {}) {
      let offset = options.offset ?? 0;
      for (const mirror of mirrors) {
        if (failed.has(mirror)) continue;
        try {
          for await (const chunk of mirror.source.fetch(descriptor, { ...options, offset })) {
            offset += chunk.byteLength;
            yield chunk;
          }
          return;
        } catch (error) {
          leaveOut(mirror, error, options.signal);
        }
      }
      yield* registry.fetch(descriptor, { ...options, offset });
    },
  };
}
