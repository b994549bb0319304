import { type Capability, libraryFileSystems } from './kernel-capability.ts';

/**
 * File systems whose code is a library: in the kernel's own files, or nowhere. Of those files (OSv,
 * fs/vfs/main.cc, `bootfs_metadata`) each has a record: size and offset in 64 bits, a type, and a name filled
 * up with NULs to 111 bytes. No symbol of a stripped kernel leads there; a string of code is not filled up.
 */
export function bootFileSystems(kernel: Buffer): readonly Capability[] {
  return libraryFileSystems.map(({ name, library }) => {
    const size = recordedSize(kernel, library);
    const group = 'file-system';
    return size === undefined
      ? { name, group, state: 'no', evidence: `no ${library} among the kernel's files` }
      : { name, group, state: 'yes', evidence: `${library} in the kernel, ${size} bytes` };
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
