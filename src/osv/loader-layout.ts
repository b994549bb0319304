/*
 * Where things lie in a loader.img of OSv, and on a disk that begins with one (Makefile, `loader.img`): a first
 * sector, the command line, and from 64 KiB on the kernel.
 *
 *     x86_64     arch/x64/boot16.S: a boot sector, which loads the sectors of the command line and the kernel
 *     aarch64    arch/aarch64/preboot.S: the head of an Image, by which a hypervisor knows a kernel
 */

export const commandLineOffset = 512;
/** 63 sectors are loaded, and one byte is the NUL behind the command line. */
export const maxCommandLine = 63 * 512 - 1;

export const kernelOffset = 65_536;
/** Of x86_64, 16 bits: the kernel's length in units (`count32`), where scripts/imgedit.py, setsize, puts it. */
export const countOffset = 0x10;
export const countUnit = 32_768;

/** What the boot sector says where others keep the signature of a disk. */
const bootSectorMark = { offset: 0x1b8, text: 'VSO' };
/** Linux, Documentation/arch/arm64/booting.rst. */
const imageMark = { offset: 56, text: 'ARM\x64' };

/** Whether what begins so, a loader.img or a disk, has OSv's boot sector. */
export function hasBootSectorMark(head: Uint8Array): boolean {
  return has(head, bootSectorMark);
}

/** Whether a loader.img that begins so is an Image. */
export function hasImageMark(head: Uint8Array): boolean {
  return has(head, imageMark);
}

function has(head: Uint8Array, { offset, text }: typeof imageMark): boolean {
  return Buffer.from(head.subarray(offset, offset + text.length)).toString('latin1') === text;
}
