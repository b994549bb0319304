import type { Store } from '../store/index.ts';
import { ConvertError } from './error.ts';
import type { Guest } from './guest.ts';
import type { DataMount } from './osv/data-mounts.ts';
import type { Kernel } from './osv/kernel.ts';
import type { Capability } from './osv/kernel-capability.ts';
import { inspectKernel } from './osv/kernel-inspect.ts';
import { hasExtLibrary } from './osv/root-data.ts';
import type { GuestWishes } from './prepare.ts';

/** What a kernel has to mount besides the root, by the names of its capabilities. */
export function fileSystemsOf({
  volumes = [],
  shares = [],
}: Pick<GuestWishes, 'volumes' | 'shares'>): readonly DataMount['fileSystem'][] {
  return [
    ...(volumes.length > 0 ? ['ext' as const] : []),
    ...(shares.length > 0 ? ['virtiofs' as const] : []),
  ];
}

/**
 * Whether the guest can mount what its machine brings: OSv says so on the console only when it boots, and the
 * app then meets a read-only folder. Nothing is known of a kernel that is not there.
 * @throws ConvertError `KERNEL_UNSUITABLE`; `LIBRARY_NOT_FOUND`.
 */
export async function requireMountable(
  store: Store,
  kernel: Kernel | undefined,
  { tree, mounts }: Pick<Guest, 'tree' | 'mounts'>,
): Promise<void> {
  const [first] = mounts;
  if (first === undefined) return;
  if (kernel !== undefined) {
    const { capabilities } = await inspectKernel(store, kernel);
    const lacked = mounts.find(({ fileSystem }) => stateOf(capabilities, fileSystem) === 'no');
    if (lacked !== undefined) throw unsuitable(kernel, lacked, capabilities);
  }
  const volume = mounts.find(({ fileSystem }) => fileSystem === 'ext');
  if (volume === undefined || hasExtLibrary(tree)) return;
  throw new ConvertError(
    'LIBRARY_NOT_FOUND',
    `mounting the volume ${volume.path}: found no /usr/lib/fs/libext.so in the guest, wanted the library with which OSv reads ext4`,
    {
      hint:
        "build OSv's modules libext and lwext4 for your kernel, then " +
        '--add libext.so:/usr/lib/fs/ --add liblwext4.so:/usr/lib/\n' +
        `or keep the data in memory: --tmpfs ${volume.path}`,
    },
  );
}

function stateOf(capabilities: readonly Capability[], name: string): Capability['state'] {
  return capabilities.find((one) => one.name === name)?.state ?? 'unknown';
}

function unsuitable(
  { name }: Kernel,
  { fileSystem, path }: DataMount,
  capabilities: readonly Capability[],
): ConvertError {
  const has = capabilities
    .filter(({ group, state }) => group === 'file-system' && state === 'yes')
    .map((one) => one.name)
    .join(', ');
  const [what, wanted, instead] =
    fileSystem === 'ext'
      ? [
          'volume',
          'one that exports ext_vfsops for libext.so',
          `--tmpfs ${path}, which ends with the machine`,
        ]
      : ['share', 'one with virtiofs', `--add FOLDER:${path}, which is copied onto the disk`];
  return new ConvertError(
    'KERNEL_UNSUITABLE',
    `mounting the ${what} ${path}: found kernel ${name} with ${has} and no ${fileSystem}, wanted ${wanted}`,
    { hint: `osv-convert kernel inspect ${name}\nor instead: ${instead}` },
  );
}
