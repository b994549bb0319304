import { request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { ConvertError } from '../error.ts';
import type { FirecrackerConfig } from './firecracker-config.ts';

/** A call of Firecracker's API. */
export interface FirecrackerCall {
  readonly method: 'PUT';
  readonly path: string;
  readonly body: unknown;
}

const answerCap = 64 * 1024;

/** The calls that make a machine and start it, in their order: nothing may be set once it runs. */
export function firecrackerCalls(config: FirecrackerConfig): readonly FirecrackerCall[] {
  const calls: readonly (readonly [path: string, body: unknown])[] = [
    ['/machine-config', config['machine-config']],
    ['/boot-source', config['boot-source']],
    ...config.drives.map((drive) => [`/drives/${drive.drive_id}`, drive] as const),
    ...config['network-interfaces'].map(
      (card) => [`/network-interfaces/${card.iface_id}`, card] as const,
    ),
    ['/actions', { action_type: 'InstanceStart' }],
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
  const bytes = Buffer.from(JSON.stringify(body));
  return await new Promise((resolve, reject) => {
    const call = request({
      socketPath,
      method,
      path,
      signal,
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
  try {
    const { fault_message: fault }: { fault_message?: unknown } = JSON.parse(body);
    return typeof fault === 'string' ? ` (${fault.slice(0, 1000)})` : '';
  } catch {
    return '';
  }
}

function failed({ method, path }: FirecrackerCall, found: string, cause?: unknown): ConvertError {
  return new ConvertError(
    'FIRECRACKER_FAILED',
    `calling Firecracker, ${method} ${path}: found ${found}`,
    { cause },
  );
}
