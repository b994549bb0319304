import { documentCap } from '../../oci/json.ts';
import type { HttpResponse } from '../http/transport.ts';
import { readWhole } from '../http/whole.ts';
import type { RegistryApi } from './api.ts';

export interface ManifestRequest {
  /** What is being done, as error sentences begin. */
  readonly action: string;
  /** A tag or a digest. */
  readonly key: string;
  /** Media types that are taken. */
  readonly accept: readonly string[];
  /** Statuses that are an answer to the caller although they are no success. */
  readonly expect?: readonly number[];
  readonly signal?: AbortSignal | undefined;
}

/**
 * A manifest or an index as the registry hands it out (distribution-spec, "Pulling manifests"). Its
 * digest and its type are the taker's to check.
 * @throws ConvertError any code of the table's "Sources".
 */
export async function readManifest(
  api: RegistryApi,
  { action, key, accept, expect = [], signal }: ManifestRequest,
): Promise<{ readonly response: HttpResponse; readonly bytes: Uint8Array }> {
  const patience = api.patience();
  const path = `manifests/${key}`;
  const headers = { accept: accept.join(', ') };
  return await readWhole({
    action,
    cap: documentCap,
    patience,
    signal,
    open: () => api.call({ action, path, headers, expect, patience, signal }),
  });
}
