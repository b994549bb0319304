import { type Elf, machines } from '../elf/elf.ts';
import { readNotes } from '../elf/notes.ts';
import { readSymbols } from '../elf/symbols.ts';
import type { SyncAccess } from '../tree/access.ts';
import type { Kernel } from './kernel.ts';
import { tlsLimitIn } from './tls-limit.ts';

type ElfFacts = Pick<Kernel, 'architecture' | 'version' | 'symbols' | 'tlsLimit'>;

/** XEN_ELFNOTE_PHYS32_ENTRY: where a hypervisor enters the kernel (Xen, elfnote.h; PVH). */
const pvhEntry = 18;

/** Names of the C++ library, its types and tables too (Itanium C++ ABI, `St` and the like for `std`). */
const ofLibrary = /^_Z(?:T[A-Z])?N?K?S[a-z]/;

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
  // A hidden kernel exports what the C library has, and may let a library in that is a part of OSv.
  const exposed = symbols.some(({ name, defined }) => defined && ofLibrary.test(name));
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
