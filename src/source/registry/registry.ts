import { type Descriptor, digestOf } from '../../../store/index.ts';
import { ConvertError } from '../../error.ts';
import { sniffMediaType } from '../../oci/document.ts';
import { indexTypes, isDocumentType, manifestTypes, schema1Types } from '../../oci/media-type.ts';
import { formatReference, type Reference } from '../../oci/reference.ts';
import { transfer } from '../http/transfer.ts';
import type { HttpResponse } from '../http/transport.ts';
import type { FetchOptions, Resolved, Source, SourceCallOptions } from '../source.ts';
import { createRegistryApi } from './api.ts';
import { readManifest } from './read-manifest.ts';
import type { RegistryOptions } from './session.ts';

export type { RegistryOptions } from './session.ts';

/** Schema 1 is asked for by nobody: a registry that has nothing else then says so itself. */
const acceptedTypes = [...indexTypes, ...manifestTypes];

/**
 * An image in a registry that speaks the OCI distribution-spec (or Docker's registry API version 2).
 * Nothing is sent, and no network code is loaded, before the first call.
 */
export function createRegistrySource(reference: Reference, options: RegistryOptions = {}): Source {
  const api = createRegistryApi(reference, options);
  const { endpoint } = api;
  const name = formatReference(reference);

  async function resolve({ signal }: SourceCallOptions = {}): Promise<Resolved> {
    const action = `fetching the manifest of ${name} from ${endpoint.host}`;
    const { response, bytes } = await readManifest(api, {
      action,
      key: `${reference.digest ?? reference.tag}`,
      accept: acceptedTypes,
      signal,
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

  function fetch(descriptor: Descriptor, { offset: from = 0, signal }: FetchOptions = {}) {
    const { digest, mediaType, size } = descriptor;
    const action = `fetching ${digest} of ${name} from ${endpoint.host}`;
    const isDocument = isDocumentType(mediaType);
    const patience = api.patience();
    return transfer({
      action,
      size,
      from,
      patience,
      signal,
      open: (offset) =>
        api.call({
          action,
          path: `${isDocument ? 'manifests' : 'blobs'}/${digest}`,
          headers: {
            ...(isDocument && { accept: mediaType }),
            ...(offset > 0 && { range: `bytes=${offset}-` }),
          },
          expect: [416],
          // One that stands before another fetches all of a blob first.
          laborious: !isDocument,
          patience,
          signal,
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
