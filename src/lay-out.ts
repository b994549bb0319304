import type { Store } from '../store/index.ts';
import { planKernelImage } from './disk/kernel-image.ts';
import { type DiskPlan, planDisk } from './disk/plan.ts';
import { ConvertError } from './error.ts';
import type { Guest } from './guest.ts';
import type { Kernel, KernelArchitecture } from './osv/kernel.ts';
import { fetchCommandFor } from './osv/kernel-needs.ts';
import type { RofsPlan } from './rofs/plan.ts';
import type { SyncAccess } from './tree/access.ts';

/** What is to be written of a machine. */
export interface LaidOut {
  readonly disk: DiskPlan;
  /** A kernel with its command line, where a disk cannot have it: a file to be written beside. */
  readonly kernelImage?: SyncAccess;
}

export interface LayOutParts {
  /** Whether the kernel goes with the disk, or the hypervisor has it. */
  readonly boot: 'bios' | 'direct';
  /** Of the app. */
  readonly architecture: KernelArchitecture;
  readonly kernel: Kernel | undefined;
  readonly guest: Pick<Guest, 'commandLine'>;
  readonly rofs: RofsPlan;
}

/** Bytes of a loader.img that are read whole: OSv's are 2 to 6 MB. */
const loaderCap = 64 << 20;

/**
 * Disk and kernel of a machine. A machine for x86_64 has its kernel on the disk or from the hypervisor. One for
 * aarch64 starts no disk by itself, for OSv has no boot code for it: what goes with the disk is an Image.
 * @throws ConvertError `KERNEL_NOT_FOUND` without a loader.img where the kernel goes with the disk;
 * `KERNEL_UNSUITABLE` for one of another architecture; as `planDisk` and `planKernelImage`; StoreError.
 */
export async function layOut(
  store: Store,
  { boot, architecture, kernel, guest, rofs }: LayOutParts,
): Promise<LaidOut> {
  if (boot === 'direct') return { disk: planDisk({ rofs }) };
  const loader = await loaderOf(store, kernel, architecture);
  const { commandLine } = guest;
  return architecture === 'x86_64'
    ? { disk: planDisk({ loader, commandLine, rofs }) }
    : { disk: planDisk({ rofs }), kernelImage: planKernelImage(loader, commandLine) };
}

async function loaderOf(
  store: Store,
  kernel: Kernel | undefined,
  architecture: KernelArchitecture,
): Promise<SyncAccess> {
  if (kernel?.loader === undefined) {
    throw new ConvertError(
      'KERNEL_NOT_FOUND',
      `laying out the disk: kernel ${kernel?.name} has an ELF only, wanted a loader.img, which boots from a disk`,
      {
        hint: `osv-convert kernel add --name ${kernel?.name} loader.img\nor build with --boot direct`,
      },
    );
  }
  if (kernel.architecture !== architecture) {
    throw new ConvertError(
      'KERNEL_UNSUITABLE',
      `laying out the disk: found kernel ${kernel.name} for ${kernel.architecture}, wanted one for ${architecture}, as the image is`,
      { hint: `osv-convert kernel ls\nor: ${fetchCommandFor(architecture)}` },
    );
  }
  const bytes = await store.blobs.read(kernel.loader.digest, loaderCap);
  return {
    size: bytes.length,
    read: (offset, length) => bytes.subarray(offset, offset + length),
  };
}
