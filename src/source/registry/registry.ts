import { type Descriptor, digestOf } from '../../../store/index.ts';
import { ConvertError } from '../../error.ts';
import { sniffMediaType } from '../../oci/document.ts';
import { documentCap } from '../../oci/json.ts';
import { indexTypes, isDocumentType, manifestTypes, schema1Types } from '../../oci/media-type.ts';
import { formatReference, type Reference } from '../../oci/reference.ts';
import { createHttpClient, type HttpOptions } from '../http/client.ts';
import type { Patience } from '../http/patience.ts';
import { transfer } from '../http/transfer.ts';
import type { HttpResponse } from '../http/transport.ts';
import { readWhole } from '../http/whole.ts';
import type { Resolved, Source, SourceCallOptions } from '../source.ts';
import { endpointOf } from './endpoint.ts';
import { createTokens } from './tokens.ts';

export interface RegistryOptions extends HttpOptions {
  /** True: HTTP for any host. False: HTTPS even on loopback. Otherwise HTTP on loopback only. */
  readonly plainHttp?: boolean;
}

/** One request to the registry's API. */
interface Call extends SourceCallOptions {
  readonly action: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly expect?: readonly number[];
  readonly patience: Patience;
}

/** Schema 1 is asked for by nobody: a registry that has nothing else then says so itself. */
const acceptedTypes = [...indexTypes, ...manifestTypes].join(', ');

/**
 * An image in a registry that speaks the OCI distribution-spec (or Docker's registry API version 2),
 * pulled anonymously, with a bearer token where the registry wants one. Nothing is sent, and no
 * network code is loaded, before the first call.
 */
export function createRegistrySource(reference: Reference, options: RegistryOptions = {}): Source {
  const http = createHttpClient(options);
  const endpoint = endpointOf(reference, options.plainHttp);
  const tokens = createTokens(http, endpoint, reference.repository);
  const name = formatReference(reference);

  /** A 401 is answered once: a fresh token that is refused will be refused again. */
  async function get(call: Call): Promise<HttpResponse> {
    const { action, path, patience, signal } = call;
    const url = new URL(`/v2/${reference.repository}/${path}`, endpoint);
    const send = (authorization: string | undefined, expect: readonly number[]) => {
      const headers = { ...call.headers, ...(authorization !== undefined && { authorization }) };
      return http.get({ action, url, headers, expect, signal }, patience);
    };
    const expect = call.expect ?? [];
    const known = tokens.authorization();
    const response = await send(known, [...expect, 401]);
    if (response.status !== 401) {
      return response;
    }
    if (response.url.origin !== endpoint.origin) {
      await response.discard();
      throw new ConvertError(
        'REGISTRY_PROTOCOL',
        `${action}: found 401 at ${response.url.host}, to which the registry redirected, wanted the bytes`,
      );
    }
    return await send(await tokens.renew(response, known, { action, signal }), expect);
  }

  async function resolve({ signal }: SourceCallOptions = {}): Promise<Resolved> {
    const action = `fetching the manifest of ${name} from ${endpoint.host}`;
    const patience = http.patience();
    const { response, bytes } = await readWhole({
      action,
      cap: documentCap,
      patience,
      signal,
      open: () =>
        get({
          action,
          path: `manifests/${reference.digest ?? reference.tag}`,
          headers: { accept: acceptedTypes },
          patience,
          ...(signal && { signal }),
        }),
    });
    const digest = digestOf(bytes);
    const told = response.header('docker-content-digest');
    for (const wanted of [reference.digest, told?.startsWith('sha256:') ? told : undefined]) {
      if (wanted !== undefined && wanted !== digest) {
        throw new ConvertError(
          'DIGEST_MISMATCH',
          `${action}: found bytes of digest ${digest}, wanted ${JSON.stringify(wanted.slice(0, 80))}`,
        );
      }
    }
    const mediaType = mediaTypeOf(response, bytes, action);
    return { descriptor: { mediaType, digest, size: bytes.byteLength }, bytes };
  }

  function fetch(descriptor: Descriptor, { signal }: SourceCallOptions = {}) {
    const { digest, mediaType, size } = descriptor;
    const action = `fetching ${digest} of ${name} from ${endpoint.host}`;
    const isDocument = isDocumentType(mediaType);
    const patience = http.patience();
    return transfer({
      action,
      size,
      patience,
      signal,
      open: (offset) =>
        get({
          action,
          path: `${isDocument ? 'manifests' : 'blobs'}/${digest}`,
          headers: {
            ...(isDocument && { accept: mediaType }),
            ...(offset > 0 && { range: `bytes=${offset}-` }),
          },
          expect: [416],
          patience,
          ...(signal && { signal }),
        }),
    });
  }

  return { resolve, fetch };
}

/** The type the registry tells, or where it tells none of ours, the one the document shows. */
function mediaTypeOf(response: HttpResponse, bytes: Uint8Array, action: string): string {
  const told = response.header('content-type')?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (isDocumentType(told) || schema1Types.includes(told)) {
    return told;
  }
  const mediaType = sniffMediaType(bytes);
  if (mediaType === undefined) {
    throw new ConvertError(
      'REGISTRY_PROTOCOL',
      `${action}: found content of type ${JSON.stringify(told.slice(0, 80))}, wanted an image manifest or index`,
    );
  }
  return mediaType;
}
