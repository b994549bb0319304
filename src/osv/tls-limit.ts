import { type Elf, machines, type Segment, segmentTypes } from '../elf/elf.ts';

/**
 * The reserve for the thread-local data of a program in the kernel's own. No symbol of a stripped kernel names
 * it, but the code that warns of larger programs (core/elf.cc, `process_headers`) subtracts its start from its
 * end: on x86_64, where it ends the kernel's data, both are plain numbers, and on aarch64, where it begins
 * them, addresses.
 * @returns undefined where that code is not found.
 */
export function tlsLimitIn(bytes: Uint8Array, elf: Elf): number | undefined {
  const tls = elf.segments.find(({ type }) => type === segmentTypes.tls);
  if (tls === undefined) return undefined;
  const code = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found =
    elf.machine === machines.x64
      ? limitsByNumbers(code, tls)
      : elf.machine === machines.arm64
        ? limitsByAddresses(code, tls, elf)
        : new Set<number>();
  const [limit] = found;
  return found.size === 1 ? limit : undefined;
}

/** `mov $end, r; …; sub $start, r`. */
function limitsByNumbers(code: Buffer, tls: Segment): ReadonlySet<number> {
  const found = new Set<number>();
  const end = tls.address + tls.memorySize;
  if (end > 0xffff_ffff) return found;
  const wanted = Buffer.alloc(4);
  wanted.writeUInt32LE(end);
  for (let at = code.indexOf(wanted); at !== -1; at = code.indexOf(wanted, at + 1)) {
    for (const start of subtractedIn(code.subarray(at + 4, at + 4 + 32))) {
      if (start >= tls.address && start < end) found.add(end - start);
    }
  }
  return found;
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

/** Instructions between the two that make an address. */
const apart = 12;

/** What of the data at hand an address is made for, but its start: `adrp r, page; …; add r, r, #offset`. */
function limitsByAddresses(code: Buffer, tls: Segment, { segments }: Elf): ReadonlySet<number> {
  const found = new Set<number>();
  const last = tls.address + tls.fileSize;
  for (const { type, address, offset, fileSize } of segments) {
    if (type !== segmentTypes.load) continue;
    const end = Math.min(offset + fileSize, code.length) - 4 * (apart + 1);
    for (let at = offset; at <= end; at += 4) {
      const page = pageAt(code, at, address + (at - offset));
      if (page === undefined || page + pageSize <= tls.address || page > last) continue;
      const register = code.readUInt32LE(at) & 31;
      for (let next = at + 4; next <= at + 4 * apart; next += 4) {
        const made = page + (addedAt(code, next, register) ?? Number.NaN);
        if (made > tls.address && made <= last) found.add(made - tls.address);
      }
    }
  }
  return found;
}

const pageSize = 4096;

/** The page that an instruction at `address` makes, if it is ADRP (Arm ARM, C6.2). */
function pageAt(code: Buffer, at: number, address: number): number | undefined {
  if (((code[at + 3] ?? 0) & 0x9f) !== 0x90) return undefined;
  const word = code.readUInt32LE(at);
  const pages = (((word >> 5) & 0x7_ffff) << 2) | ((word >> 29) & 3);
  const signed = pages >= 0x10_0000 ? pages - 0x20_0000 : pages;
  return address - (address % pageSize) + signed * pageSize;
}

/** The number that `add r64, register, #number` adds, without a shift (Arm ARM, C6.2). */
function addedAt(code: Buffer, at: number, register: number): number | undefined {
  const word = code.readUInt32LE(at);
  const isAdd = (word & 0xffc0_0000) === (0x9100_0000 | 0);
  return isAdd && ((word >> 5) & 31) === register ? (word >> 10) & 0xfff : undefined;
}
