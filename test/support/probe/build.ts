import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { KernelArchitecture } from '../../../src/osv/kernel.ts';
import { top } from '../top.ts';
import { probeTools } from './tools.ts';

const SOURCES = join(top, 'test/support/probe');
const SHARED_SOURCES = [
  'main.c',
  'rofs.c',
  'metadata.c',
  'resolve.c',
  'disk.c',
  'console.c',
  'bytes.c',
];
const OWN_SOURCES = ['start.S', 'drive.c', 'serial.c', 'command-line.c'];

/** Of a loader.img (OSv: Makefile, scripts/imgedit.py setsize and setsize_aarch64). */
const PAYLOAD_OFFSET = 65536;
const PAYLOAD_UNIT = 32768;
const SIZE_OFFSET = 0x10;

/** In the first program header of an ELF64 file that begins with its headers: `p_memsz`. */
const MEMORY_SIZE_OFFSET = 64 + 40;

const LINK_FLAGS = ['-nostdlib', '-static', '-no-pie', '-Wl,--build-id=none'];
const COMPILE_FLAGS = [
  '-std=c11',
  '-O2',
  '-Wall',
  '-Wextra',
  '-ffreestanding',
  '-fno-pic',
  '-fno-stack-protector',
  '-fno-asynchronous-unwind-tables',
  // Or memcpy might be compiled into a call of itself.
  '-fno-tree-loop-distribute-patterns',
];

interface Target {
  readonly gcc: 'gcc' | 'armGcc';
  readonly folder: string;
  readonly flags: readonly string[];
  /** What stands before the payload, and where it is linked to. */
  readonly head: string;
  readonly headAddress: string;
  loaderImage(head: Buffer, payload: Buffer): Buffer;
}

const targets: Readonly<Record<KernelArchitecture, Target>> = {
  x86_64: {
    gcc: 'gcc',
    folder: 'x86',
    flags: ['-m32', '-march=i686', '-fcf-protection=none'],
    head: 'boot.S',
    headAddress: '0x7c00',
    loaderImage: biosImage,
  },
  aarch64: {
    gcc: 'armGcc',
    folder: 'aarch64',
    // With the MMU off nothing may be unaligned, and nobody has switched the vector unit on.
    flags: ['-mstrict-align', '-mgeneral-regs-only', '-mno-outline-atomics'],
    head: 'preboot.S',
    headAddress: '0',
    loaderImage: armImage,
  },
};

/**
 * Builds the stand-in for loader.img in `dir`; returns its path.
 * It takes gcc and binutils that make code for the architecture, and less than a second.
 */
export async function buildProbe(
  dir: string,
  architecture: KernelArchitecture = 'x86_64',
): Promise<string> {
  const target = targets[architecture];
  const own = (name: string): string => join(SOURCES, target.folder, name);
  await mkdir(dir, { recursive: true });
  const head = join(dir, `probe-head-${architecture}`);
  const payload = join(dir, `probe-${architecture}.elf`);
  await compile(target, [
    ...[...LINK_FLAGS, `-Wl,-Ttext=${target.headAddress}`],
    ...['-o', `${head}.elf`, own(target.head)],
  ]);
  await makeFlat(target, `${head}.elf`, `${head}.bin`);
  await compile(target, [
    ...LINK_FLAGS,
    ...['-s', '-Wl,-T', own('probe.ld')],
    ...['-o', payload, ...OWN_SOURCES.map(own)],
    ...SHARED_SOURCES.map((name) => join(SOURCES, name)),
  ]);
  const image = target.loaderImage(await readFile(`${head}.bin`), await readFile(payload));
  const path = join(dir, `probe-loader-${architecture}.img`);
  await writeFile(path, image);
  return path;
}

function biosImage(bootSector: Buffer, payload: Buffer): Buffer {
  const units = Math.ceil(payload.length / PAYLOAD_UNIT);
  const image = Buffer.alloc(PAYLOAD_OFFSET + units * PAYLOAD_UNIT);
  bootSector.copy(image);
  image.writeUInt16LE(units, SIZE_OFFSET);
  payload.copy(image, PAYLOAD_OFFSET);
  return image;
}

/** As OSv's, it tells its size in memory, which is more than that of the file. */
function armImage(preboot: Buffer, payload: Buffer): Buffer {
  const image = Buffer.concat([Buffer.alloc(PAYLOAD_OFFSET), payload]);
  preboot.copy(image);
  const size = BigInt(PAYLOAD_OFFSET) + payload.readBigUInt64LE(MEMORY_SIZE_OFFSET);
  image.writeBigUInt64LE(size, SIZE_OFFSET);
  return image;
}

async function compile(target: Target, args: readonly string[]): Promise<void> {
  await run(compilerOf(target), [...COMPILE_FLAGS, ...target.flags, ...args]);
}

/** The bytes of an ELF file's code as they lie in memory. Not every linker writes them so itself. */
async function makeFlat(target: Target, from: string, to: string): Promise<void> {
  const objcopy = await run(compilerOf(target), ['-print-prog-name=objcopy']);
  await run(objcopy.trim(), ['-O', 'binary', '-j', '.text', from, to]);
}

function compilerOf({ gcc }: Target): string {
  const compiler = probeTools()[gcc];
  if (compiler === undefined) throw new Error(`build the boot probe: found no ${gcc} on PATH`);
  return compiler;
}

async function run(program: string, args: readonly string[]): Promise<string> {
  try {
    return (await promisify(execFile)(program, args)).stdout;
  } catch (error) {
    // Its message has the command and what it printed.
    throw new Error(`build the boot probe: ${program} failed`, { cause: error });
  }
}
