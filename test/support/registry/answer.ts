import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Flaw } from './faults.ts';

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** The error document of the OCI distribution-spec ("Error Codes"). */
export function errorAnswer(
  status: number,
  code: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  return {
    status,
    headers: { 'content-type': 'application/json', ...headers },
    body: Buffer.from(JSON.stringify({ errors: [{ code, message }] })),
  };
}

/** Sends `answer`, a Range of it where one was asked for, spoilt by `flaws`. */
export function send(
  request: IncomingMessage,
  response: ServerResponse,
  answer: Answer,
  flaws: readonly Flaw[],
): void {
  const flaw = <K extends Flaw['kind']>(kind: K) =>
    flaws.find((each): each is Extract<Flaw, { kind: K }> => each.kind === kind);
  const status = flaw('status');
  if (status !== undefined) {
    response.writeHead(status.status, status.headers).end(status.body ?? '');
    return;
  }
  const redirect = flaw('redirect');
  if (redirect !== undefined) {
    response.writeHead(redirect.status ?? 307, { location: redirect.location }).end();
    return;
  }

  let body = Buffer.from(flaw('body')?.body ?? answer.body);
  let code = answer.status;
  const headers: Record<string, string> = { ...answer.headers, ...flaw('headers')?.headers };
  const whole = body.byteLength;
  const [, asked, end] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
  if (code === 200 && asked !== undefined && flaw('ignore-range') === undefined) {
    const start = Number(asked) + (flaw('wrong-range') === undefined ? 0 : 1);
    if (start >= whole) {
      response.writeHead(416, { 'content-range': `bytes */${whole}` }).end();
      return;
    }
    const last = end ? Math.min(Number(end), whole - 1) : whole - 1;
    code = 206;
    headers['content-range'] = `bytes ${start}-${last}/${whole}`;
    body = body.subarray(start, last + 1);
  }
  if (flaw('corrupt') !== undefined && body[0] !== undefined) {
    body[0] ^= 0xff;
  }
  body = body.subarray(0, flaw('truncate')?.to ?? body.byteLength);
  if (flaw('chunked') === undefined) {
    headers['content-length'] = String(body.byteLength + (flaw('length')?.delta ?? 0));
  }
  response.writeHead(code, headers);
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  const drop = flaw('drop')?.after ?? (flaw('length') === undefined ? undefined : body.byteLength);
  const stall = flaw('stall')?.after;
  const slowly = flaw('trickle');
  if (drop !== undefined) {
    response.write(body.subarray(0, drop), () => response.socket?.end());
  } else if (stall !== undefined) {
    response.write(body.subarray(0, stall));
  } else if (slowly !== undefined) {
    void trickle(response, body, slowly);
  } else {
    response.end(body);
  }
}

async function trickle(
  response: ServerResponse,
  body: Uint8Array,
  { bytes, pause }: Extract<Flaw, { kind: 'trickle' }>,
): Promise<void> {
  for (let at = 0; at < body.byteLength && !response.destroyed; at += bytes) {
    await delay(pause);
    response.write(body.subarray(at, at + bytes));
  }
  response.end();
}
