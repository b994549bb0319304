import { createHash } from 'node:crypto';
import { tarEnd, tarHeader, tarPadding } from '../../store/index.ts';
import { ConvertError } from '../error.ts';
import type { ImageWriter } from './image-writer.ts';
import type { OutputFile } from './output-file.ts';
import { formatOvf } from './ovf.ts';
import { openVmdk } from './vmdk.ts';

export interface OvaMachine {
  /** Of the files in the OVA, too: at most 90 bytes, and no slash. */
  readonly name: string;
  /** In MiB. */
  readonly memory: number;
  readonly cpus: number;
}

const blockSize = 512;
const diskName = 'disk.vmdk';
/** A number of 11 octal digits: OVF wants ustar. */
const maxFile = 8 ** 11 - 1;

/**
 * A machine in one file (DMTF DSP0243, "Distribution"): a tar of the descriptor, the digests, and the disk as VMDK,
 * in this order.
 */
export function openOva(file: OutputFile, size: number, machine: OvaMachine): ImageWriter {
  const hash = createHash('sha256');
  // The descriptor ends in blanks: how long its longest number is, is known last.
  const ovfSize = Math.ceil(ovfOf(maxFile).length / blockSize) * blockSize;
  const [ovfName, sumsName] = [`${machine.name}.ovf`, `${machine.name}.mf`];
  const sumsOffset = blockSize + ovfSize;
  const sumsSize = sumsOf('', '').length;
  const diskOffset = sumsOffset + blockSize + sumsSize + tarPadding(sumsSize).length;
  let bytes = 0;
  const vmdk = openVmdk((some) => {
    file.write(some, diskOffset + blockSize + bytes);
    hash.update(some);
    bytes += some.length;
  }, size);

  function ovfOf(length: number): Buffer {
    const disk = { name: diskName, bytes: length, capacity: size };
    return Buffer.from(formatOvf({ ...machine, disk }));
  }

  /** In the form of the manifests of OVF, one line a file. */
  function sumsOf(ovf: string, disk: string): Buffer {
    const line = (name: string, sum: string): string => `SHA256(${name})= ${sum.padEnd(64)}\n`;
    return Buffer.from(line(ovfName, ovf) + line(diskName, disk));
  }

  function putHeader(path: string, length: number, offset: number): void {
    const entry = { path, size: length, mode: 0o644, uid: 0, gid: 0, mtime: 0 };
    file.write(tarHeader({ kind: 'file', ...entry }), offset);
  }

  return {
    write: vmdk.write,
    async finish() {
      await vmdk.finish();
      if (bytes > maxFile) throw tooLarge(bytes);
      const ovf = Buffer.alloc(ovfSize, ' ');
      ovf.set(ovfOf(bytes));
      const sums = sumsOf(createHash('sha256').update(ovf).digest('hex'), hash.digest('hex'));
      putHeader(ovfName, ovf.length, 0);
      file.write(ovf, blockSize);
      putHeader(sumsName, sums.length, sumsOffset);
      file.write(sums, sumsOffset + blockSize);
      putHeader(diskName, bytes, diskOffset);
      // The disk is whole sectors, and has no padding.
      file.write(tarEnd, diskOffset + blockSize + bytes);
    },
  };
}

function tooLarge(bytes: number): ConvertError {
  return new ConvertError(
    'DISK_UNSUPPORTED',
    `writing the machine: found a disk of ${bytes} bytes compressed, wanted at most ${maxFile}, as an OVA can hold`,
    { hint: 'use --format vmdk' },
  );
}
