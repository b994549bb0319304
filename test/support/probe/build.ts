import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { top } from '../top.ts';
import { probeTools } from './tools.ts';

const SOURCES = join(top, 'test/support/probe');
const PAYLOAD_SOURCES = [
  'start.S',
  'main.c',
  'rofs.c',
  'metadata.c',
  'resolve.c',
  'disk.c',
  'console.c',
  'bytes.c',
];

/** Of a loader.img (OSv: Makefile, scripts/imgedit.py setsize). */
const PAYLOAD_OFFSET = 65536;
const PAYLOAD_UNIT = 32768;
const COUNT32_OFFSET = 0x10;

const LINK_FLAGS = ['-nostdlib', '-static', '-no-pie', '-Wl,--build-id=none'];
const COMPILE_FLAGS = [
  '-m32',
  '-march=i686',
  '-std=c11',
  '-O2',
  '-Wall',
  '-Wextra',
  '-ffreestanding',
  '-fno-pic',
  '-fno-stack-protector',
  '-fcf-protection=none',
  '-fno-asynchronous-unwind-tables',
  // Or memcpy might be compiled into a call of itself.
  '-fno-tree-loop-distribute-patterns',
];

/**
 * Builds the stand-in for loader.img in `dir`; returns its path.
 * It takes gcc and binutils that make x86 code, and less than a second.
 */
export async function buildProbe(dir: string): Promise<string> {
  await mkdir(dir, { recursive: true });
  const bootSector = join(dir, 'probe-boot.bin');
  const payload = join(dir, 'probe.elf');
  await compile([
    ...LINK_FLAGS,
    '-Wl,--oformat=binary,-Ttext=0x7c00',
    ...['-o', bootSector, join(SOURCES, 'boot.S')],
  ]);
  await compile([
    ...LINK_FLAGS,
    ...['-s', '-Wl,-T', join(SOURCES, 'probe.ld')],
    ...['-o', payload, ...PAYLOAD_SOURCES.map((name) => join(SOURCES, name))],
  ]);
  const image = loaderImage(await readFile(bootSector), await readFile(payload));
  const path = join(dir, 'probe-loader.img');
  await writeFile(path, image);
  return path;
}

function loaderImage(bootSector: Buffer, payload: Buffer): Buffer {
  const units = Math.ceil(payload.length / PAYLOAD_UNIT);
  const image = Buffer.alloc(PAYLOAD_OFFSET + units * PAYLOAD_UNIT);
  bootSector.copy(image);
  image.writeUInt16LE(units, COUNT32_OFFSET);
  payload.copy(image, PAYLOAD_OFFSET);
  return image;
}

async function compile(args: readonly string[]): Promise<void> {
  const gcc = probeTools().gcc;
  if (gcc === undefined) throw new Error('build the boot probe: gcc is not on PATH');
  try {
    await promisify(execFile)(gcc, [...COMPILE_FLAGS, ...args]);
  } catch (error) {
    // Its message has the command and what gcc printed.
    throw new Error('build the boot probe: gcc failed', { cause: error });
  }
}
