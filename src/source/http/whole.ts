import { ConvertError } from '../../error.ts';
import { transportFailure } from './failure.ts';
import type { Patience } from './patience.ts';
import type { HttpResponse } from './transport.ts';

export interface Whole {
  /** What is being done, as error sentences begin. */
  readonly action: string;
  /** Bytes above which it is refused. */
  readonly cap: number;
  readonly patience: Patience;
  open(): Promise<HttpResponse>;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A small body in one piece, asked for again where the connection breaks.
 * @throws ConvertError `REGISTRY_PROTOCOL` above the cap, and what `open` throws.
 */
export async function readWhole(
  wanted: Whole,
): Promise<{ readonly response: HttpResponse; readonly bytes: Uint8Array }> {
  const { action, cap, patience, signal } = wanted;
  for (;;) {
    const response = await wanted.open();
    try {
      return { response, bytes: await readCapped(response, cap, action) };
    } catch (error) {
      await patience.again(transportFailure(error, action, signal), signal);
    }
  }
}

/**
 * The whole body, which must end within `cap` bytes whatever its Content-Length says.
 * @throws ConvertError `REGISTRY_PROTOCOL`, and what the transport throws.
 */
export async function readCapped(
  response: HttpResponse,
  cap: number,
  action: string,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.byteLength;
    if (size > cap) {
      throw new ConvertError(
        'REGISTRY_PROTOCOL',
        `${action}: found an answer of more than ${cap} bytes, wanted at most that`,
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
