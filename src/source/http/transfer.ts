import { ConvertError } from '../../error.ts';
import { type Failure, transportFailure } from './failure.ts';
import type { Patience } from './patience.ts';
import type { HttpResponse } from './transport.ts';

/** Bytes that earn fresh tries. Less would let a server that drips keep us for ever. */
const progressStep = 1024 * 1024;

export interface Transfer {
  /** What is being done, as error sentences begin. */
  readonly action: string;
  /** Bytes wanted: no more and no fewer are accepted. */
  readonly size: number;
  /** The byte to begin at; 0 unless given. */
  readonly from?: number;
  readonly patience: Patience;
  /** Asks for the bytes from `offset` on, with a Range unless it is 0. */
  open(offset: number): Promise<HttpResponse>;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The bytes of a large body. Where the connection breaks or the body ends early, it goes on at the
 * byte where it stopped, with a new request (hence, behind a redirect, with a fresh URL). A server
 * that ignores the Range and sends everything is read again up to that byte.
 * @throws ConvertError `SIZE_MISMATCH`, `REGISTRY_PROTOCOL` for a Range other than the one asked
 * for, and what `open` throws.
 */
export async function* transfer(wanted: Transfer): AsyncGenerator<Uint8Array, void, undefined> {
  const { action, size, patience, signal } = wanted;
  let offset = wanted.from ?? 0;
  let renewed = offset;
  while (offset < size || offset === 0) {
    const response = await wanted.open(offset);
    let failure: Failure | undefined;
    try {
      let skip = bytesToSkip(response, offset, wanted);
      for await (const chunk of response.body) {
        const bytes = chunk.subarray(Math.min(skip, chunk.byteLength));
        skip -= chunk.byteLength - bytes.byteLength;
        offset += bytes.byteLength;
        refuseExcess(offset, wanted);
        if (offset - renewed >= progressStep) {
          renewed = offset;
          patience.renew();
        }
        if (bytes.byteLength > 0) {
          yield bytes;
        }
      }
    } catch (error) {
      failure = transportFailure(error, `${action}, at byte ${offset} of ${size}`, signal);
    } finally {
      await response.discard();
    }
    if (failure?.transient === false) {
      throw failure.error;
    }
    if (offset === size) {
      return;
    }
    await patience.again(failure ?? shortBody(offset, wanted), signal);
  }
}

function bytesToSkip(response: HttpResponse, offset: number, { action, size }: Transfer): number {
  if (response.status === 416) {
    throw new ConvertError('SIZE_MISMATCH', `${action}: found ${offset} bytes, wanted ${size}`);
  }
  if (response.status === 206) {
    const start = /^bytes (\d+)-/.exec(response.header('content-range') ?? '')?.[1];
    if (start !== String(offset)) {
      throw new ConvertError(
        'REGISTRY_PROTOCOL',
        `${action}: found a range from byte ${start ?? 'unknown'}, wanted it from ${offset}`,
      );
    }
    return 0;
  }
  refuseExcess(Number(response.header('content-length') ?? 0), { action, size });
  return offset;
}

function refuseExcess(found: number, { action, size }: Pick<Transfer, 'action' | 'size'>): void {
  if (found > size) {
    throw new ConvertError(
      'SIZE_MISMATCH',
      `${action}: found ${found} bytes or more, wanted ${size}`,
    );
  }
}

function shortBody(offset: number, { action, size }: Transfer): Failure {
  return {
    error: new ConvertError('SIZE_MISMATCH', `${action}: found ${offset} bytes, wanted ${size}`),
    transient: true,
  };
}
