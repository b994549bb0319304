import { type Descriptor, type Digest, StoreError } from '../../store/index.ts';
import { ConvertError, type ErrorCode } from '../error.ts';
import type { Failure } from '../source/http/failure.ts';
import type { HttpResponse } from '../source/http/transport.ts';
import { shownUrl } from '../source/http/url.ts';
import type { RegistryApi, RegistryCall } from '../source/registry/api.ts';

/** A blob up to this many bytes goes in one request; above it a broken upload is worth resuming. */
const smallBlob = 1024 * 1024;

/** Bytes beyond the farthest so far that earn fresh tries. */
const progressStep = 1024 * 1024;

/** Failures after which an upload may be resumed. */
const passing: readonly ErrorCode[] = [
  'REGISTRY_UNREACHABLE',
  'REGISTRY_FAILED',
  'REGISTRY_RATE_LIMITED',
];

/** Of an upload the registry has no more, or is at another byte. */
const lostStatuses: readonly number[] = [404, 416];

/** Asked for the bytes from `offset` on; again where the upload breaks. */
export type OpenBlob = (offset: number) => AsyncIterable<Uint8Array>;

export interface BlobUpload {
  readonly api: RegistryApi;
  readonly blob: Descriptor;
  readonly open: OpenBlob;
  readonly action: string;
  readonly signal?: AbortSignal;
  /** Where the registry has begun it already, for a mount that it did not grant. */
  readonly begun?: URL | undefined;
  /** True when the blob is there after all. */
  isThere(): Promise<boolean>;
}

/** Where an upload goes on, and from which byte. */
interface Position {
  readonly url: URL;
  readonly offset: number;
}

/**
 * Uploads a blob (OCI distribution-spec, "Pushing Blobs"): a small one in one PUT, a large one in one
 * PATCH that is gone on with, at the byte the registry tells, where it broke. A registry that forgets
 * a broken upload, as docker's does, is sent the blob anew.
 * @throws ConvertError any code of the table's "Sources"; StoreError of `open`.
 */
export async function uploadBlob(upload: BlobUpload): Promise<void> {
  const { signal } = upload;
  const patience = upload.api.patience();
  let position = upload.begun ? { url: upload.begun, offset: 0 } : await begin(upload);
  let reached = 0;
  for (;;) {
    const failure = await attempt(upload, position);
    if (failure === undefined) return;
    await patience.again(failure, signal);
    if (await upload.isThere()) return;
    position = (await resume(upload, position)) ?? (await begin(upload));
    if (position.offset - reached >= progressStep) {
      reached = position.offset;
      patience.renew();
    }
  }
}

type Step = Omit<RegistryCall, 'action' | 'patience' | 'signal' | 'actions'>;

/** A step has tries of its own where it may be repeated as it is; an upload has its own, too. */
function call({ api, action, signal }: BlobUpload, step: Step): Promise<HttpResponse> {
  const patience = api.patience();
  return api.call({ ...step, action, patience, actions: 'pull,push', ...(signal && { signal }) });
}

/** A begun upload that nobody goes on with is forgotten by the registry: it may be begun twice. */
async function begin(upload: BlobUpload): Promise<Position> {
  const response = await call(upload, {
    path: 'blobs/uploads/',
    method: 'POST',
    headers: { 'content-length': '0' },
    expect: [202],
    repeatable: true,
  });
  await response.discard();
  return { url: locationOf(response, upload.action), offset: 0 };
}

/** Undefined when the registry has forgotten the upload, or does not tell how far it is. */
async function resume(upload: BlobUpload, { url }: Position): Promise<Position | undefined> {
  const response = await call(upload, { url, expect: [204, 400, 404, 405, 416] });
  await response.discard();
  const end = /^(?:bytes=)?0-(\d{1,15})$/.exec(response.header('range') ?? '')?.[1];
  const offset = Number(end) + 1;
  // `0-0` is said of no bytes as well as of one.
  if (response.status !== 204 || !(offset > 1 && offset <= upload.blob.size)) return undefined;
  const told = response.header('location') !== undefined;
  return { url: told ? locationOf(response, upload.action) : url, offset };
}

/** Sends what is missing; undefined when the registry has it all and found the digest right. */
async function attempt(upload: BlobUpload, position: Position): Promise<Failure | undefined> {
  const { blob, action, signal } = upload;
  try {
    if (blob.size <= smallBlob && position.offset === 0) {
      return await finish(upload, position.url, () => upload.open(0), blob.size);
    }
    const patched = position.offset < blob.size ? await patch(upload, position) : undefined;
    if (patched !== undefined && lostStatuses.includes(patched.status)) {
      return lost(patched, action);
    }
    const url = patched === undefined ? position.url : locationOf(patched, action);
    return await finish(upload, url, undefined, 0);
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof ConvertError)) throw error;
    if (error.cause instanceof StoreError) throw error.cause;
    return { error, transient: passing.includes(error.code) };
  }
}

/** Without Content-Range it is a stream, which all registries take; with it, the rest of one. */
async function patch(upload: BlobUpload, { url, offset }: Position): Promise<HttpResponse> {
  const { size } = upload.blob;
  const response = await call(upload, {
    url,
    method: 'PATCH',
    headers: {
      'content-type': 'application/octet-stream',
      'content-length': `${size - offset}`,
      ...(offset > 0 && { 'content-range': `${offset}-${size - 1}` }),
    },
    body: () => upload.open(offset),
    expect: [202, 204, ...lostStatuses],
    // A slow line takes long over what fills its buffers, before it takes more.
    laborious: true,
  });
  await response.discard();
  return response;
}

async function finish(
  upload: BlobUpload,
  url: URL,
  body: RegistryCall['body'],
  length: number,
): Promise<Failure | undefined> {
  const response = await call(upload, {
    url: withDigest(url, upload.blob.digest),
    method: 'PUT',
    headers: { 'content-type': 'application/octet-stream', 'content-length': `${length}` },
    ...(body !== undefined && { body }),
    expect: [201, 202, 204, ...lostStatuses],
    // What became of it is asked first: it may have ended the upload all the same.
    repeatable: false,
    // It may read the whole blob back, and copy it, before it says so.
    laborious: true,
  });
  await response.discard();
  return lostStatuses.includes(response.status) ? lost(response, upload.action) : undefined;
}

function lost({ status }: HttpResponse, action: string): Failure {
  const found = status === 404 ? 'that the registry has forgotten it' : 'the registry elsewhere';
  return {
    error: new ConvertError('REGISTRY_PROTOCOL', `${action}: found ${found} (${status})`),
    transient: true,
  };
}

/**
 * Where an upload goes on. It may be on another host, which gets no credentials from
 * `RegistryApi.call`; but nothing that began encrypted goes on in the clear.
 */
export function locationOf(response: HttpResponse, action: string): URL {
  const text = response.header('location') ?? '';
  const valid = text !== '' && URL.canParse(text, response.url.href);
  const url = valid ? new URL(text, response.url) : undefined;
  if (url?.protocol === 'https:' || (url && url.protocol === response.url.protocol)) {
    return url;
  }
  const found = url === undefined ? 'no valid Location' : shownUrl(url);
  throw new ConvertError(
    'REGISTRY_PROTOCOL',
    `${action}: found ${found} as the place to upload to, wanted a URL of ${response.url.protocol}//`,
    { hint: 'where a proxy stands before the registry, have it send X-Forwarded-Proto: https' },
  );
}

/** The query of a Location is the registry's: it is kept to the letter. */
function withDigest(location: URL, digest: Digest): URL {
  const url = new URL(location);
  url.search += `${url.search === '' ? '?' : '&'}digest=${encodeURIComponent(digest)}`;
  return url;
}
