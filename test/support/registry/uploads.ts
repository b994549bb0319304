import type { IncomingMessage } from 'node:http';
import { digestOf } from '../../../store/index.ts';
import { type Answer, errorAnswer } from './answer.ts';
import type { Contents } from './contents.ts';

export interface UploadOptions {
  /** How Location is written; with a query that changes at each step, either way. */
  readonly location?: 'absolute' | 'relative';
  /** False: a mount is answered as an upload to be made, as registries may. */
  readonly mount?: boolean;
}

interface Upload {
  readonly repository: string;
  bytes: Buffer;
  /** Changes at each step: a Location is good for one request. */
  step: number;
}

/** Blob uploads by the distribution-spec ("Pushing Blobs"). */
export function createUploads(contents: Contents, options: UploadOptions, origin: () => string) {
  const uploads = new Map<string, Upload>();
  const { location = 'relative', mount = true } = options;

  function answer(status: number, id: string, { repository, bytes, step }: Upload): Answer {
    const path = `/v2/${repository}/blobs/uploads/${id}?_state=${step}`;
    const headers = {
      location: location === 'absolute' ? `${origin()}${path}` : path,
      range: `0-${Math.max(0, bytes.length - 1)}`,
    };
    return { status, headers, body: Buffer.alloc(0) };
  }

  function created(repository: string, digest: string): Answer {
    const headers = { location: `/v2/${repository}/blobs/${digest}` };
    return { status: 201, headers, body: Buffer.alloc(0) };
  }

  function begin(url: URL, repository: string): Answer {
    const digest = url.searchParams.get('mount');
    const from = url.searchParams.get('from');
    const known = digest !== null && from !== null ? contents.blobBytes(from, digest) : undefined;
    if (mount && digest !== null && known !== undefined) {
      contents.putBlob(repository, digest, known);
      return created(repository, digest);
    }
    const id = `upload-${uploads.size + 1}`;
    const upload = { repository, bytes: Buffer.alloc(0), step: 0 };
    uploads.set(id, upload);
    return answer(202, id, upload);
  }

  function append(request: IncomingMessage, id: string, upload: Upload, body: Buffer): Answer {
    const start = /^(\d+)-\d+$/.exec(request.headers['content-range'] ?? '0-0')?.[1];
    if (Number(start) !== upload.bytes.length) {
      return { ...answer(416, id, upload), status: 416 };
    }
    upload.bytes = Buffer.concat([upload.bytes, body]);
    upload.step += 1;
    return answer(202, id, upload);
  }

  function finish(url: URL, id: string, upload: Upload, body: Buffer): Answer {
    const digest = url.searchParams.get('digest') ?? '';
    const bytes = Buffer.concat([upload.bytes, body]);
    uploads.delete(id);
    if (digestOf(bytes) !== digest) {
      return errorAnswer(400, 'DIGEST_INVALID', 'provided digest did not match uploaded content');
    }
    contents.putBlob(upload.repository, digest, bytes);
    return created(upload.repository, digest);
  }

  return {
    /** `id` is what follows `/blobs/uploads/`. `body` is as much of it as came. */
    handle(request: IncomingMessage, url: URL, repository: string, id: string, body: Buffer) {
      if (request.method === 'POST') return begin(url, repository);
      const upload = uploads.get(id);
      const state = url.searchParams.get('_state');
      if (upload?.repository !== repository) {
        return errorAnswer(404, 'BLOB_UPLOAD_UNKNOWN', 'blob upload unknown to registry');
      }
      if (state !== String(upload.step)) {
        return errorAnswer(400, 'BLOB_UPLOAD_INVALID', 'blob upload invalid: stale state');
      }
      if (request.method === 'GET') return answer(204, id, upload);
      if (request.method === 'PATCH') return append(request, id, upload, body);
      return finish(url, id, upload, body);
    },
    /** What came before the connection broke is kept, as distribution does; a new Location is not told. */
    keep(id: string, body: Buffer) {
      const upload = uploads.get(id);
      if (upload !== undefined) upload.bytes = Buffer.concat([upload.bytes, body]);
    },
  };
}
