import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import { type DownloadOptions, download } from '../../../src/source/download.ts';
import { digestOf } from '../../../store/index.ts';
import { instantPace } from '../../support/pace.ts';
import { send } from '../../support/registry/answer.ts';
import type { Flaw } from '../../support/registry/faults.ts';

const file = Buffer.alloc(2_000_000, 'osv');
const digest = digestOf(file);

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) {
    close();
  }
});

interface FileServer {
  readonly url: URL;
  readonly requests: readonly IncomingMessage[];
}

/** Serves `file` at every path; the flaws of `rounds[n]` strike the n-th request. */
async function serve(
  rounds: readonly (readonly Flaw[])[] = [],
  headers: Readonly<Record<string, string>> = { etag: '"1"' },
): Promise<FileServer> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const flaws = rounds[requests.length] ?? [];
    requests.push(request);
    send(request, response, { status: 200, headers, body: file }, flaws);
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  closers.push(() => void server.close().closeAllConnections());
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  return { url: new URL(`http://127.0.0.1:${port}/loader.img?key=secret`), requests };
}

async function digestOfDownload(url: URL, options: Partial<DownloadOptions> = {}): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of download(url, { limit: 4_000_000, pace: instantPace(), ...options })) {
    chunks.push(chunk);
  }
  return digestOf(Buffer.concat(chunks));
}

const failure = (code: string, text: string) =>
  expect.objectContaining({ code, message: expect.stringContaining(text) });

describe('download', () => {
  test('streams a file, with or without Content-Length', async () => {
    const rounds: readonly (readonly Flaw[])[] = [[], [{ kind: 'chunked' }]];
    const { url } = await serve(rounds);
    expect(await digestOfDownload(url)).toBe(digest);
    expect(await digestOfDownload(url)).toBe(digest);
  });

  test('follows a redirect to another origin', async () => {
    const target = await serve();
    const { url } = await serve([[{ kind: 'redirect', location: target.url.href, status: 302 }]]);
    expect(await digestOfDownload(url)).toBe(digest);
    expect(target.requests).toHaveLength(1);
  });

  test('resumes by the version of the file when the connection breaks', async () => {
    const { url, requests } = await serve([[{ kind: 'drop', after: 900_000 }]]);
    expect(await digestOfDownload(url)).toBe(digest);
    expect(requests[1]?.headers).toMatchObject({
      'if-match': '"1"',
      range: expect.stringMatching(/^bytes=\d+-$/),
    });
  });

  test('begins again when the connection breaks before the first byte', async () => {
    const { url, requests } = await serve([[{ kind: 'drop', after: 0 }]], {});
    expect(await digestOfDownload(url)).toBe(digest);
    expect(requests[1]?.headers.range).toBeUndefined();
  });

  test.each([{}, { etag: 'W/"1"' }])(
    'fails when the connection breaks and the headers are %j',
    async (headers) => {
      const { url } = await serve([[{ kind: 'drop', after: 900_000 }]], headers);
      await expect(digestOfDownload(url)).rejects.toThrowError(
        failure('REGISTRY_UNREACHABLE', 'before the connection broke, wanted 2000000'),
      );
    },
  );

  test.each<[string, readonly (readonly Flaw[])[], string, string]>([
    ['there is no such file', [[{ kind: 'status', status: 404 }]], 'IMAGE_NOT_FOUND', '404'],
    [
      'the file changes meanwhile',
      [[{ kind: 'drop', after: 900_000 }], [{ kind: 'status', status: 412 }]],
      'REGISTRY_PROTOCOL',
      '412',
    ],
    [
      'it is sent in chunks and breaks',
      [[{ kind: 'chunked' }, { kind: 'drop', after: 9 }]],
      'REGISTRY_UNREACHABLE',
      'connection broke',
    ],
  ])('fails by its code when %s', async (_what, rounds, code, text) => {
    const { url } = await serve(rounds);
    const error: unknown = await digestOfDownload(url).catch((reason: unknown) => reason);
    expect(error).toEqual(failure(code, text));
    expect(error).toEqual(failure(code, `downloading http://${url.host}/loader.img: `));
  });

  test('refuses a file above the limit, whether its size is told or not', async () => {
    const { url } = await serve([[], [{ kind: 'chunked' }]]);
    for (const _round of [1, 2]) {
      await expect(digestOfDownload(url, { limit: 1_000_000 })).rejects.toThrowError(
        failure('SIZE_MISMATCH', 'wanted at most 1000000'),
      );
    }
  });
});
