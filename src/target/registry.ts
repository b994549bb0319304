import type { Descriptor } from '../../store/index.ts';
import { ConvertError, type ErrorCode } from '../error.ts';
import type { RegistryApi, RegistryCall } from '../source/registry/api.ts';
import { locationOf, type OpenBlob, uploadBlob } from './upload.ts';

export interface WriteOptions {
  readonly signal?: AbortSignal;
}

export interface PutBlobOptions extends WriteOptions {
  /** Another repository of the registry, which probably has the blob. */
  readonly mountFrom?: string;
}

/** How a blob came to be in the repository. */
export type BlobEnd = 'present' | 'mounted' | 'uploaded';

/** One repository of a registry, to be written to (OCI distribution-spec, "Push"). */
export interface RegistryWriter {
  /**
   * Has the blob in the repository: found there, else mounted, else uploaded. The registry checks
   * the digest.
   * @throws ConvertError any code of the table's "Sources"; StoreError of `open`.
   */
  putBlob(blob: Descriptor, open: OpenBlob, options?: PutBlobOptions): Promise<BlobEnd>;
  /**
   * Puts a manifest or an index, whose parts are all there, under a tag or its digest. Tells whether
   * the registry has taken note of its `subject` (distribution-spec, "Pushing Manifests with Subject").
   * @throws ConvertError any code of the table's "Sources", `DIGEST_MISMATCH`.
   */
  putManifest(
    manifest: Descriptor,
    bytes: Uint8Array,
    key: string,
    options?: WriteOptions,
  ): Promise<{ readonly subjectKnown: boolean }>;
}

/** Answers that only say that a blob is not to be had this way. */
const unmountable: readonly ErrorCode[] = [
  'ACCESS_DENIED',
  'AUTH_REQUIRED',
  'IMAGE_NOT_FOUND',
  'REGISTRY_PROTOCOL',
];

export function createRegistryWriter(api: RegistryApi): RegistryWriter {
  /**
   * A mount that is not granted is the beginning of an upload, where it then goes on (distribution-spec,
   * "Mounting a blob from another repository"), or an error that says nothing.
   */
  async function mount(
    { digest }: Descriptor,
    from: string,
    common: Pick<RegistryCall, 'action'> & WriteOptions,
  ): Promise<'mounted' | URL | undefined> {
    try {
      const response = await api.call({
        ...common,
        patience: api.patience(),
        path: `blobs/uploads/?mount=${digest}&from=${encodeURIComponent(from)}`,
        method: 'POST',
        headers: { 'content-length': '0' },
        expect: [201, 202],
        repeatable: true,
        actions: 'pull,push',
        mountFrom: from,
      });
      await response.discard();
      return response.status === 201 ? 'mounted' : locationOf(response, common.action);
    } catch (error) {
      if (error instanceof ConvertError && unmountable.includes(error.code)) return undefined;
      throw error;
    }
  }

  return {
    async putBlob(blob, open, { mountFrom, signal } = {}) {
      const action = `pushing ${blob.digest} to ${api.name}`;
      const common = { action, ...(signal && { signal }) };
      const isThere = async () => {
        const path = `blobs/${blob.digest}`;
        const asking = { path, method: 'HEAD', expect: [404], actions: 'pull,push' } as const;
        const response = await api.call({ ...common, ...asking, patience: api.patience() });
        await response.discard();
        return response.status !== 404;
      };
      if (await isThere()) return 'present';
      const begun = mountFrom === undefined ? undefined : await mount(blob, mountFrom, common);
      if (begun === 'mounted') return begun;
      await uploadBlob({ ...common, api, blob, open, isThere, begun });
      return 'uploaded';
    },

    async putManifest({ digest, mediaType }, bytes, key, { signal } = {}) {
      const action = `pushing the manifest ${key} to ${api.name}`;
      const response = await api.call({
        action,
        path: `manifests/${key}`,
        method: 'PUT',
        headers: { 'content-type': mediaType, 'content-length': `${bytes.byteLength}` },
        body: bytes,
        expect: [201, 202],
        actions: 'pull,push',
        patience: api.patience(),
        ...(signal && { signal }),
      });
      await response.discard();
      const told = response.header('docker-content-digest');
      if (told?.startsWith('sha256:') && told !== digest) {
        throw new ConvertError(
          'DIGEST_MISMATCH',
          `${action}: found that the registry has it as ${JSON.stringify(told.slice(0, 80))}, wanted ${digest}`,
        );
      }
      return { subjectKnown: response.header('oci-subject') !== undefined };
    },
  };
}
