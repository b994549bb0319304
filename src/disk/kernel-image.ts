import { ConvertError } from '../error.ts';
import { commandLineOffset, hasImageMark, kernelOffset } from '../osv/loader-layout.ts';
import type { SyncAccess } from '../tree/access.ts';
import { assemble, bytesPart } from './assemble.ts';
import { partOf } from './part.ts';
import { checkCommandLine } from './plan.ts';

/** OSv for aarch64 stops at a longer one, wherever it comes from (arch-dtb.cc, `max_cmdline` with its NUL). */
export const imageCommandLineLimit = 1023;

/**
 * A loader.img for aarch64 with a command line of its own: a kernel that starts by itself wherever an arm64
 * Image can be named (QEMU: `-kernel`). Its own gives way to one that the hypervisor hands over.
 * @throws ConvertError `KERNEL_INVALID` for a loader that is no Image; `COMMAND_LINE_INEXPRESSIBLE` for a
 * command line above 1023 bytes or with a NUL.
 */
export function planKernelImage(loader: SyncAccess, commandLine: Uint8Array): SyncAccess {
  checkCommandLine(commandLine, imageCommandLineLimit, 'all that OSv takes on aarch64');
  if (!hasImageMark(loader.read(0, commandLineOffset)) || loader.size <= kernelOffset) {
    throw new ConvertError(
      'KERNEL_INVALID',
      `laying out the kernel: found a loader without the head of an arm64 Image, wanted one`,
      { hint: 'use an unmodified loader.img (osv-loader*.qemu.aarch64) of an OSv release' },
    );
  }
  const kernel = { offset: kernelOffset, size: loader.size - kernelOffset };
  return assemble(loader.size, [
    bytesPart(0, loader.read(0, commandLineOffset)),
    // What the loader's own file has here, such as an older command line, is left behind.
    bytesPart(commandLineOffset, commandLine),
    { offset: kernelOffset, access: partOf(loader, kernel) },
  ]);
}
