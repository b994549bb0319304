import { type Capability, libraryFileSystems } from './kernel-capability.ts';

/**
 * File systems whose code is a library: in the kernel's own files, or nowhere. Of those files (OSv,
 * fs/vfs/main.cc, `bootfs_metadata`) each has a record: size and offset in 64 bits, a type, and a name filled
 * up with NULs to 111 bytes. No symbol of a stripped kernel leads there; a string of code is not filled up.
 * One that has such a library neither may let a disk bring it, which then needs the kernel's table of it.
 * @param exported names that libraries can be linked with.
 */
export function bootFileSystems(
  kernel: Buffer,
  exported: ReadonlySet<string>,
): readonly Capability[] {
  return libraryFileSystems.map(({ name, library, table }) => {
    const size = recordedSize(kernel, library);
    const group = 'file-system';
    if (size !== undefined) {
      return { name, group, state: 'yes', evidence: `${library} in the kernel, ${size} bytes` };
    }
    if (table !== undefined && exported.has(table)) {
      return { name, group, state: 'yes', evidence: `exports ${table}, for ${library} on a disk` };
    }
    return { name, group, state: 'no', evidence: `no ${library} among the kernel's files` };
  });
}

const nameSize = 111;
const headSize = 17;

function recordedSize(kernel: Buffer, path: string): number | undefined {
  const name = Buffer.alloc(nameSize);
  name.write(path, 'latin1');
  for (let at = kernel.indexOf(name); at !== -1; at = kernel.indexOf(name, at + 1)) {
    if (at < headSize) continue;
    const size = kernel.readBigUInt64LE(at - headSize);
    const offset = kernel.readBigUInt64LE(at - headSize + 8);
    if (size > 0n && size + offset <= BigInt(kernel.length)) return Number(size);
  }
  return undefined;
}
