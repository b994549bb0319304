import { type Elf, machines, segmentTypes } from '../elf/elf.ts';
import { readNotes } from '../elf/notes.ts';
import { readSymbols } from '../elf/symbols.ts';
import type { SyncAccess } from '../tree/access.ts';
import type { Kernel } from './kernel.ts';

type ElfFacts = Pick<Kernel, 'architecture' | 'version' | 'symbols' | 'tlsLimit'>;

/** XEN_ELFNOTE_PHYS32_ENTRY: where a hypervisor enters the kernel (Xen, elfnote.h; PVH). */
const pvhEntry = 18;

/**
 * What an ELF tells if it is an OSv kernel that a hypervisor can start.
 * @returns else what was found; `reason` fits behind "found".
 */
export function describeKernelElf(
  access: SyncAccess,
  elf: Elf,
): ElfFacts | { readonly reason: string } {
  const architecture = architectureOf(elf);
  if (architecture === undefined) {
    return { reason: `a ${elf.bits}-bit ELF file for machine ${elf.machine}` };
  }
  const bytes = access.read(0, access.size);
  const version = versionIn(bytes);
  if (version === undefined) return { reason: 'an ELF file without the version string of OSv' };
  const notes = readNotes(access, elf);
  const symbols = readSymbols(access, elf);
  if ('kind' in notes) return { reason: `an ELF file with ${notes.reason}` };
  if ('kind' in symbols) return { reason: `an ELF file with ${symbols.reason}` };
  const hasEntry = notes.some(({ name, type }) => name === 'Xen' && type === pvhEntry);
  if (architecture === 'x86_64' && !hasEntry) {
    return { reason: `OSv ${version} without the note that a hypervisor starts it by (PVH)` };
  }
  // Hidden kernels export only what the C library has; C++ names show that all symbols are exported.
  const exposed = symbols.some(({ name, defined }) => defined && name.startsWith('_Z'));
  const tlsLimit = tlsLimitIn(bytes, elf);
  return {
    architecture,
    version,
    symbols: exposed ? 'exposed' : 'hidden',
    ...(tlsLimit !== undefined && { tlsLimit }),
  };
}

function architectureOf({ bits, littleEndian, machine }: Elf): Kernel['architecture'] | undefined {
  if (bits !== 64 || !littleEndian) return undefined;
  return machine === machines.x64 ? 'x86_64' : machine === machines.arm64 ? 'aarch64' : undefined;
}

/** The first line a booting kernel prints (loader.cc, `premain`). */
function versionIn(bytes: Uint8Array): string | undefined {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = text.indexOf('OSv v'); at !== -1; at = text.indexOf('OSv v', at + 1)) {
    const line = text.toString('latin1', at, at + 96);
    const version = /^OSv (v\d+\.\d+[\w.+~-]*)[\n\0]/.exec(line)?.[1];
    if (version !== undefined) return version;
  }
  return undefined;
}

/**
 * The reserve at the end of the kernel's own thread-local data. No symbol of a stripped kernel names
 * it, but the code that warns of larger programs (core/elf.cc, `process_headers`) subtracts its start
 * from its end, both plain numbers there: `mov $end, r; …; sub $start, r`.
 */
function tlsLimitIn(bytes: Uint8Array, elf: Elf): number | undefined {
  const tls = elf.segments.find(({ type }) => type === segmentTypes.tls);
  if (tls === undefined || elf.machine !== machines.x64) return undefined;
  const end = tls.address + tls.memorySize;
  if (end > 0xffff_ffff) return undefined;
  const code = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const wanted = Buffer.alloc(4);
  wanted.writeUInt32LE(end);
  const found = new Set<number>();
  for (let at = code.indexOf(wanted); at !== -1; at = code.indexOf(wanted, at + 1)) {
    for (const start of subtractedIn(code.subarray(at + 4, at + 4 + 32))) {
      if (start >= tls.address && start < end) found.add(end - start);
    }
  }
  const [limit] = found;
  return found.size === 1 ? limit : undefined;
}

/** The numbers that `sub $number, r64` instructions take (Intel SDM: REX.W 81 /5 id, REX.W 2D id). */
function* subtractedIn(code: Buffer): Generator<number> {
  for (let at = 0; at + 7 <= code.length; at++) {
    const [rex = 0, opcode = 0, operand = 0] = code.subarray(at, at + 3);
    if (rex !== 0x48 && rex !== 0x49) continue;
    if (opcode === 0x81 && operand >= 0xe8 && operand <= 0xef) yield code.readUInt32LE(at + 3);
    if (opcode === 0x2d) yield code.readUInt32LE(at + 2);
  }
}
