import { buildElf, type ElfParts } from '../elf/elf-builder.ts';
import { compressFastlz } from './fastlz.ts';

/** What a kernel's ELF shows of itself, without the kernel. */
export function fakeKernelElf({
  version = 'v0.57.0-398-g0e34e4dc',
  exposed = false,
  limits = [552],
  ...parts
}: {
  readonly version?: string;
  readonly exposed?: boolean;
  readonly limits?: readonly number[];
} & Partial<ElfParts> = {}): Buffer {
  const memorySize = 0x880;
  return Buffer.from(
    buildElf({
      type: 2,
      tls: { memorySize, align: 16 },
      symbols: [
        { name: 'errno', defined: true },
        { name: '_ZSt9terminatev', defined: exposed },
      ],
      note: { name: 'Xen', type: 18, description: Buffer.alloc(8) },
      data: Buffer.concat([
        Buffer.from(`\0OSv \0OSv v\0OSv ${version}\n\0`),
        ...limits.map((limit) => subtraction(memorySize, memorySize - limit)),
      ]),
      ...parts,
    }),
  );
}

/** `mov $end, %r12d; cmp …; sub $start, %r12`, as GCC compiles `process_headers`. */
function subtraction(end: number, start: number): Buffer {
  const code = Buffer.from('41bc00000000 498b95b8000000 4981ec00000000'.replaceAll(' ', ''), 'hex');
  code.writeUInt32LE(end, 2);
  code.writeUInt32LE(start, 16);
  return code;
}

/** The frame of a loader.img for x86_64: boot sector, room for the command line, a 32-bit ELF. */
export function fakeLoader(units = 2, size = 65_536 + units * 32_768): Buffer {
  const loader = Buffer.alloc(size);
  loader.writeUInt16LE(units, 0x10);
  loader.write('VSO', 0x1b8);
  loader.writeUInt16LE(0xaa55, 510);
  loader.set(elf32Header(), 65_536);
  return loader;
}

/** A loader.img with a kernel in it, as OSv's own tools pack it. */
export function packedLoader(kernel: Uint8Array): Buffer {
  const pieceSize = 1 << 20;
  const pieces: { readonly size: number; readonly stored: Uint8Array }[] = [];
  for (let at = 0; at <= kernel.length; at += pieceSize) {
    const piece = kernel.subarray(at, at + pieceSize);
    const packed = piece.length === 0 ? piece : compressFastlz(piece, 2);
    pieces.push({ size: piece.length, stored: packed.length < piece.length ? packed : piece });
  }
  const stored = Buffer.concat(pieces.map((piece) => piece.stored));
  const words = (...numbers: readonly number[]): Buffer => {
    const bytes = Buffer.alloc(numbers.length * 4);
    for (const [index, number] of numbers.entries()) bytes.writeUInt32LE(number, index * 4);
    return bytes;
  };
  const table = pieces.flatMap(({ size, stored }) => [size, stored.length]);
  const data = Buffer.concat([words(stored.length + 4), stored, words(pieces.length, ...table)]);
  const loader = fakeLoader(Math.ceil((data.length + 100) / 32_768));
  loader.set(data, 65_536 + 77);
  return loader;
}

function elf32Header(): Buffer {
  const header = Buffer.alloc(52);
  header.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  header.writeUInt16LE(2, 16);
  header.writeUInt16LE(3, 18);
  return header;
}

/** Arm's form: preboot code and the ELF itself at 64 KiB. */
export function fakeArmLoader(elf: Uint8Array = buildElf({ machine: 183 })): Buffer {
  const preboot = Buffer.alloc(65_536);
  preboot.writeBigUInt64LE(BigInt(65_536 + 4 * elf.length), 0x10);
  preboot.write('ARM\x64', 56);
  return Buffer.concat([preboot, elf]);
}
