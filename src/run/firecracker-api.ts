import { request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { ConvertError } from '../error.ts';
import type { FirecrackerConfig } from './firecracker-config.ts';

/** A call of Firecracker's API. */
export interface FirecrackerCall {
  readonly method: 'PUT' | 'GET';
  readonly path: string;
  /** Of a PUT. */
  readonly body?: unknown;
}

const answerCap = 64 * 1024;

/** Starts the machine; the last call, for nothing may be set once it runs. */
export const instanceStart: FirecrackerCall = {
  method: 'PUT',
  path: '/actions',
  body: { action_type: 'InstanceStart' },
};

/** The calls that make a machine, in their order. */
export function firecrackerCalls(config: FirecrackerConfig): readonly FirecrackerCall[] {
  const calls: readonly (readonly [path: string, body: unknown])[] = [
    ['/machine-config', config['machine-config']],
    ['/boot-source', config['boot-source']],
    ...config.drives.map((drive) => [`/drives/${drive.drive_id}`, drive] as const),
    ...config['network-interfaces'].map(
      (card) => [`/network-interfaces/${card.iface_id}`, card] as const,
    ),
  ];
  return calls.map(([path, body]) => ({ method: 'PUT', path, body }));
}

/**
 * Makes the calls one after the other on the socket of a Firecracker that may still be starting.
 * @throws ConvertError `FIRECRACKER_FAILED` when one is refused, with Firecracker's words and without the
 * body, which holds the variables of the guest, and when `signal` aborts before all are made.
 */
export async function callFirecracker(
  socketPath: string,
  calls: readonly FirecrackerCall[],
  signal: AbortSignal,
): Promise<void> {
  for (const call of calls) {
    const answer = await send(socketPath, call, signal);
    if (answer.status !== 204) {
      throw failed(call, `${answer.status}${faultOf(answer.body)}, wanted 204`);
    }
  }
}

/**
 * What Firecracker says of its machine: `Not started`, `Running` or `Paused` (InstanceInfo of its OpenAPI file).
 * @throws ConvertError `FIRECRACKER_FAILED`.
 */
export async function askFirecracker(socketPath: string, signal: AbortSignal): Promise<string> {
  const call: FirecrackerCall = { method: 'GET', path: '/' };
  const { status, body } = await send(socketPath, call, signal);
  const state = memberOf(body, 'state');
  if (status !== 200 || state === undefined) {
    throw failed(call, `${status}${faultOf(body)}, wanted 200 and the state of the machine`);
  }
  return state;
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** Tried again while nobody listens yet. */
async function send(
  socketPath: string,
  call: FirecrackerCall,
  signal: AbortSignal,
): Promise<Answer> {
  for (;;) {
    try {
      return await sendOnce(socketPath, call, signal);
    } catch (cause) {
      if (signal.aborted) throw failed(call, 'no answer in time', cause);
      const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
      if (code !== 'ENOENT' && code !== 'ECONNREFUSED') {
        throw failed(call, cause instanceof Error ? cause.message : String(cause), cause);
      }
      await pause(10);
    }
  }
}

async function sendOnce(
  socketPath: string,
  { method, path, body }: FirecrackerCall,
  signal: AbortSignal,
): Promise<Answer> {
  const bytes = Buffer.from(body === undefined ? '' : JSON.stringify(body));
  return await new Promise((resolve, reject) => {
    const call = request({
      socketPath,
      method,
      path,
      signal,
      // A connection that is kept would be known by the path of its socket, which another may have by then.
      agent: false,
      headers: {
        Accept: 'application/json',
        'Content-Type': 'application/json',
        'Content-Length': bytes.length,
      },
    });
    call.once('error', reject);
    call.once('response', async (response) => {
      try {
        let text = '';
        for await (const piece of response.setEncoding('utf8')) {
          text = `${text}${piece}`.slice(0, answerCap);
        }
        resolve({ status: response.statusCode ?? 0, body: text });
      } catch (error) {
        reject(error);
      }
    });
    call.end(bytes);
  });
}

function faultOf(body: string): string {
  const fault = memberOf(body, 'fault_message');
  return fault === undefined ? '' : ` (${fault.slice(0, 1000)})`;
}

function memberOf(body: string, name: string): string | undefined {
  try {
    const value: unknown = JSON.parse(body);
    const members = typeof value === 'object' && value !== null ? Object.entries(value) : [];
    const [, found] = members.find(([one]) => one === name) ?? [];
    return typeof found === 'string' ? found : undefined;
  } catch {
    return undefined;
  }
}

function failed({ method, path }: FirecrackerCall, found: string, cause?: unknown): ConvertError {
  return new ConvertError(
    'FIRECRACKER_FAILED',
    `calling Firecracker, ${method} ${path}: found ${found}`,
    { cause },
  );
}
