import { type Descriptor, StoreError } from '../../store/index.ts';
import { ConvertError, errorCodeOf, errorTable } from '../error.ts';
import type { RegistryOptions } from './registry/session.ts';
import type { Source } from './source.ts';

export interface UrlOptions {
  /** How the hosts of URLs are reached, but for credentials, of which they get none. */
  readonly registry?: RegistryOptions;
  /** True: they are not asked at all. */
  readonly offline?: boolean;
}

/**
 * `source`, and where it lacks the bytes of a descriptor, its `urls` (OCI image-spec, descriptor.md):
 * so a layer that no registry may hand on is found all the same. What came from the source is not
 * asked for again. The digest is the taker's to check, wherever the bytes come from.
 */
export function withUrls(source: Source, options: UrlOptions): Source {
  return {
    ...source,
    async *fetch(descriptor, call = {}) {
      const { urls = [] } = descriptor;
      let offset = call.offset ?? 0;
      let failure: Error;
      try {
        for await (const chunk of source.fetch(descriptor, call)) {
          offset += chunk.byteLength;
          yield chunk;
        }
        return;
      } catch (error) {
        call.signal?.throwIfAborted();
        if (urls.length === 0 || !isLack(error)) throw error;
        failure = error;
      }
      try {
        if (options.offline) throw notAsked(descriptor);
        const { fetchFromUrls } = await import('./url-transfer.ts');
        yield* fetchFromUrls(descriptor, { ...options.registry, offset, signal: call.signal });
      } catch (error) {
        call.signal?.throwIfAborted();
        throw nowhere(failure, error);
      }
    },
  };
}

/** True where the source has not got the bytes, or does not give them: others may. */
function isLack(error: unknown): error is Error {
  const code = errorCodeOf(error);
  return (
    code !== undefined &&
    (code === 'BLOB_MISSING' || ['notFound', 'auth', 'network'].includes(errorTable[code]))
  );
}

function notAsked({ digest }: Descriptor): ConvertError {
  return new ConvertError(
    'OFFLINE',
    `fetching ${digest} from its URLs: found that no network may be used, wanted it`,
    { hint: 'leave out --offline, or take the image from a file that has the layer' },
  );
}

/** Damage of the store is told as what it is, since it can be mended from elsewhere. */
function nowhere(failure: Error, error: unknown): unknown {
  if (failure instanceof StoreError) return failure;
  if (!(error instanceof ConvertError)) return error;
  const { code, hint } = error;
  return new ConvertError(code, `${failure.message}; ${error.message}`, {
    cause: error,
    ...(hint !== undefined && { hint }),
  });
}
