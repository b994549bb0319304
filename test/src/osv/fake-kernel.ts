import { buildElf, type ElfParts } from '../elf/elf-builder.ts';

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

function elf32Header(): Buffer {
  const header = Buffer.alloc(52);
  header.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  header.writeUInt16LE(2, 16);
  header.writeUInt16LE(3, 18);
  return header;
}

/** Arm's form: preboot code and the ELF itself at 64 KiB. */
export function fakeArmLoader(): Buffer {
  const elf = buildElf({ machine: 183 });
  const preboot = Buffer.alloc(65_536);
  preboot.writeBigUInt64LE(BigInt(elf.length), 0x10);
  return Buffer.concat([preboot, elf]);
}
