import type { SyncAccess } from '../../tree/access.ts';

/** A PE file that holds managed code (ECMA-335, II.25). */
export interface ManagedImage {
  /** COFF machine as written; of ReadyToRun images for Linux it is the processor's XOR 0x7b79. */
  readonly machine: number;
  /** The native code beside its IL: none, its own, or that of a composite image in another file. */
  readonly readyToRun: ReadyToRun;
  /** Where the metadata lies, in bytes of the file. */
  readonly metadata: { readonly offset: number; readonly size: number };
}

export type ReadyToRun = 'no' | 'yes' | 'composite';

/** `RTR`, and the flag of an assembly whose code lies elsewhere (dotnet/runtime, inc/readytorun.h). */
const readyToRunSignature = 0x00525452;
const componentFlag = 0x20;

/** DOS header, PE headers and section table of every known compiler lie within. */
const headSize = 4096;

const cliHeaderSize = 72;

/**
 * Reads the headers. Undefined for what is no PE file, for native ones (a Windows DLL among the app's
 * natives), and for those whose headers are damaged: nothing can be said of them, and the runtime will.
 */
export function readManagedImage(access: SyncAccess): ManagedImage | undefined {
  const head = viewOf(access.read(0, headSize));
  try {
    return readHeaders(head, access);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** @throws RangeError for a header that lies outside of what was read. */
function readHeaders(head: DataView, access: SyncAccess): ManagedImage | undefined {
  if (head.byteLength < 64 || head.getUint16(0, true) !== 0x5a4d) return undefined;
  const pe = head.getUint32(0x3c, true);
  if (head.getUint32(pe, true) !== 0x4550) return undefined;
  const machine = head.getUint16(pe + 4, true);
  const sectionCount = head.getUint16(pe + 6, true);
  const optional = pe + 24;
  const sections = optional + head.getUint16(pe + 20, true);
  const magic = head.getUint16(optional, true);
  if (magic !== 0x10b && magic !== 0x20b) return undefined;
  const directories = optional + (magic === 0x20b ? 112 : 96);
  if (head.getUint32(directories - 4, true) < 15) return undefined;

  const offsetOf = (rva: number): number | undefined => {
    for (let at = sections; at < sections + sectionCount * 40; at += 40) {
      const start = head.getUint32(at + 12, true);
      const size = head.getUint32(at + 16, true);
      if (rva >= start && rva < start + size) return rva - start + head.getUint32(at + 20, true);
    }
    return undefined;
  };

  const cli = offsetOf(head.getUint32(directories + 14 * 8, true));
  if (cli === undefined) return undefined;
  const header = viewOf(access.read(cli, cliHeaderSize));
  const offset = offsetOf(header.getUint32(8, true));
  const size = header.getUint32(12, true);
  if (offset === undefined || offset + size > access.size) return undefined;
  const native = offsetOf(header.getUint32(64, true));
  const readyToRun = native === undefined ? 'no' : readReadyToRun(access, native);
  return { machine, readyToRun, metadata: { offset, size } };
}

/** ManagedNativeHeader: signature, version, flags. Other kinds of native images have another signature. */
function readReadyToRun(access: SyncAccess, offset: number): ReadyToRun {
  const header = viewOf(access.read(offset, 12));
  if (header.getUint32(0, true) !== readyToRunSignature) return 'no';
  return (header.getUint32(8, true) & componentFlag) === 0 ? 'yes' : 'composite';
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
