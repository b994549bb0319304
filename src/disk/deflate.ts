import { promisify } from 'node:util';
import { deflate, deflateRaw, type ZlibOptions } from 'node:zlib';

/** Packs buffers each on its own; the results are in their order. */
export type Pack = (buffers: readonly Buffer[]) => Promise<readonly Uint8Array[]>;

const deflated = promisify<Buffer, ZlibOptions, Buffer>(deflate);
const deflatedRaw = promisify<Buffer, ZlibOptions, Buffer>(deflateRaw);

/** In the threads of zlib, so that all cores work. Equal input gives equal bytes with one version of zlib. */
export function zlibPack(options: ZlibOptions): Pack {
  return async (buffers) => await Promise.all(buffers.map((one) => deflated(one, options)));
}

/** The same without the header and the sum of RFC 1950. */
export function deflatePack(options: ZlibOptions): Pack {
  return async (buffers) => await Promise.all(buffers.map((one) => deflatedRaw(one, options)));
}
