import { openClusterPacker } from './cluster-packer.ts';
import type { Compression, DiskFormat } from './formats.ts';
import { openGce } from './gce.ts';
import type { ImageWriter } from './image-writer.ts';
import type { OutputFile } from './output-file.ts';
import { type OvaMachine, openOva } from './ova.ts';
import { openQcow2 } from './qcow2.ts';
import { openRaw } from './raw.ts';
import { openVdi } from './vdi.ts';
import { openVhd } from './vhd.ts';
import { openDynamicVhd } from './vhd-dynamic.ts';
import { openVmdk } from './vmdk.ts';

export interface ImageOptions {
  readonly format: DiskFormat;
  /** Of a qcow2 disk; none where it is absent. */
  readonly compression?: Compression;
  /** What an OVA says of its machine. */
  readonly machine?: OvaMachine;
}

/** As much memory as `run` gives. */
const defaultMachine: OvaMachine = { name: 'osv', memory: 1024, cpus: 1 };

/**
 * The writer of a format. `size` is what `diskSizeIn` gives for it.
 * @throws ConvertError `DISK_UNSUPPORTED` for zstd, where it is not there.
 */
export async function openImage(
  file: OutputFile,
  size: number,
  { format, compression, machine = defaultMachine }: ImageOptions,
): Promise<ImageWriter> {
  switch (format) {
    case 'raw':
      return openRaw(file, size);
    case 'qcow2':
      return openQcow2(file, size, compression && (await openClusterPacker(compression)));
    case 'vmdk':
      return openVmdk(appendTo(file), size);
    case 'vdi':
      return openVdi(file, size);
    case 'vhd':
      return openVhd(file, size);
    case 'vhd-dynamic':
      return openDynamicVhd(file, size);
    case 'gce':
      return openGce(appendTo(file), size);
    case 'ova':
      return openOva(file, size, machine);
  }
}

function appendTo(file: OutputFile): (bytes: Uint8Array) => void {
  let end = 0;
  return (bytes) => {
    file.write(bytes, end);
    end += bytes.length;
  };
}
