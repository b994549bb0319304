import { type Command, Option } from 'commander';
import {
  type Compression,
  compressions,
  type OutputFormat,
  outputFormats,
} from '../disk/formats.ts';

export interface FormatOptions {
  readonly format?: OutputFormat;
  readonly compress?: Compression;
}

/** The options that tell what a disk is written as. */
export function addFormatOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--format <format>',
        'format of the disk (default: by the name of the file)',
      ).choices(outputFormats),
    )
    .addOption(
      new Option('--compress <how>', 'compress the clusters of a qcow2 disk').choices(compressions),
    );
}

/** What the names of files mean, for help. */
export const formatsHelp = `
Formats, by the name of the file:
  raw            .raw, .img   the disk itself, sparse
  qcow2          .qcow2       QEMU; with --compress zlib or zstd smaller
  vmdk           .vmdk        VMware (streamOptimized)
  vdi            .vdi         VirtualBox
  vhd            .vhd         Azure, Hyper-V (fixed, whole MiB)
  vhd-dynamic                 Hyper-V: the same, without its zeros
  gce            .tar.gz      Google Compute Engine (disk.raw of whole GiB)
  ova            .ova         VMware, VirtualBox: with 1 GiB and 1 processor
  containerdisk  store:NAME   KubeVirt: an image in the store, for push
Any other name is that of a raw disk, but names of other kinds of files (.vhdx,
.iso, .gz and such) are refused without --format.`;
