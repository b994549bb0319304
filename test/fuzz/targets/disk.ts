import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { hasKernel, readKernelDisk } from '../../../src/disk/edit.ts';
import { type Compression, type DiskFormat, diskFormats } from '../../../src/disk/formats.ts';
import { fsckDisk } from '../../../src/disk/fsck.ts';
import { rofsOn } from '../../../src/disk/open-disk.ts';
import { writeDisk } from '../../../src/disk/output.ts';
import { planDisk } from '../../../src/disk/plan.ts';
import { diskIn, formatOf } from '../../../src/disk/read-format.ts';
import { headerSize, headerSumOffset } from '../../../src/disk/vhd-dynamic-format.ts';
import { footerSize, sumOf } from '../../../src/disk/vhd-footer.ts';
import { planRofs } from '../../../src/rofs/plan.ts';
import { readRofs } from '../../../src/rofs/read.ts';
import type { SyncAccess } from '../../../src/tree/access.ts';
import { openContents } from '../../../src/tree/contents.ts';
import { directory, fileOfBytes, symlink } from '../../../src/tree/nodes.ts';
import type { Node } from '../../../src/tree/tree.ts';
import { walkTree } from '../../../src/tree/walk.ts';
import { accessOf } from '../../src/rofs/image.ts';
import { mutateBytes } from '../mutate-bytes.ts';
import { outcomeOf } from '../outcome.ts';
import type { Random } from '../random.ts';
import type { Target } from '../target.ts';

/**
 * Disks in files of every format, Compute Engine's unpacked too, with a kernel or without: a reader gives bytes of the disk and no more than
 * were asked for, whatever the file says of itself, and what fsck and the reader of trees ask of it ends.
 */
export async function diskTarget(): Promise<Target> {
  const seeds = await makeSeeds();
  return {
    name: 'disk',
    input: (random) => mutated(random.pick(seeds), random),
    run: (input, random) =>
      outcomeOf(['DISK_INVALID', 'DISK_UNSUPPORTED', 'ROFS_INVALID'], async () => {
        const file = accessOf(Buffer.from(input));
        const disk = checked(await diskIn(file, 'disk', formatOf(file)));
        for (let times = 0; times < 4; times += 1) {
          disk.read(random.below(Math.min(2 ** 40, disk.size) + 1), 1 + random.below(1 << 20));
        }
        fsckDisk(disk);
        if (hasKernel(disk)) readKernelDisk(disk, 'disk').loader.read(0, 1 << 20);
        const rofs = rofsOn(disk, 'disk');
        for (const { node } of walkTree(readRofs(rofs))) {
          if (node.kind === 'file' && node.content.kind === 'access') {
            rofs.read(node.content.offset, Math.min(node.content.size, 1 << 20));
          }
        }
      }),
  };
}

/** The disk, each reading of which must be what was asked for, as far as the disk goes. */
function checked(disk: SyncAccess): SyncAccess {
  return {
    size: disk.size,
    read(offset, length) {
      const bytes = disk.read(offset, length);
      const most = Math.max(0, Math.min(length, disk.size - offset));
      if (bytes.length === most) return bytes;
      throw new Error(`read ${offset}, ${length} of ${disk.size}: ${bytes.length} bytes`);
    },
  };
}

async function makeSeeds(): Promise<readonly Buffer[]> {
  const folder = mkdtempSync(join(tmpdir(), 'osv-convert-fuzz-disk-'));
  const contents = openContents(new Map());
  const ways: readonly (readonly [DiskFormat, Compression?])[] = [
    ...diskFormats.map((format) => [format] as const),
    ...(['zlib', 'zstd'] as const).map((compression) => ['qcow2', compression] as const),
  ];
  try {
    const seeds: Buffer[] = [];
    for (const plan of plans()) {
      for (const [format, compression] of ways) {
        const path = join(folder, 'disk');
        const written = writeDisk(plan, path, {
          format,
          contents,
          ...(compression && { compression }),
        });
        // Where zstd is not there, nothing writes it.
        if ((await outcomeOf(['DISK_UNSUPPORTED'], () => written)) !== 'accepted') continue;
        const file = readFileSync(path);
        seeds.push(file);
        if (format === 'gce') seeds.push(gunzipSync(file));
      }
    }
    return seeds;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function plans() {
  const entries: readonly (readonly [string, Node])[] = [
    ['hosts', fileOfBytes(Buffer.from('127.0.0.1 localhost\n'))],
    ['text', fileOfBytes(Buffer.alloc(150_001, 'abcdefghijklmnop'))],
    ['link', symlink('hosts')],
    ['zeros', fileOfBytes(Buffer.concat([Buffer.alloc(200_000), Buffer.from('end')]))],
  ];
  const rofs = planRofs({ root: directory(new Map(entries)) });
  const loader = Buffer.alloc(65_536 + 32_768, 'k').fill(0, 512, 65_536);
  loader.fill(0, 0x1be, 0x1fe).writeUInt16LE(0xaa55, 0x1fe);
  loader.writeUInt16LE(1, 0x10);
  const commandLine = Buffer.from('--rootfs=rofs /app/web');
  return [planDisk({ rofs }), planDisk({ rofs, loader: accessOf(loader), commandLine })];
}

/** Headers, and what tells where things are: numbers of 4 and 8 bytes near both ends, or anywhere. */
function mutated(seed: Buffer, random: Random): Buffer {
  if (random.chance(0.2)) return mutateBytes(seed, random);
  const copy = Buffer.from(seed);
  for (let times = 1 + random.below(4); times > 0; times -= 1) {
    const reach = random.pick([128, 1024, 70_000, seed.length]);
    const near = random.below(Math.min(reach, seed.length) / 4) * 4;
    const at = random.chance(0.2) ? copy.length - 8 - near : near;
    const place = Math.min(Math.max(0, at), copy.length - 8);
    if (random.chance(0.3)) copy[place] = random.below(256);
    else if (random.chance(0.5)) copy.writeBigUInt64BE(random.pick(numbers), place);
    else copy.writeUInt32LE(Number(random.pick(numbers) & 0xffff_ffffn), place);
  }
  if (random.chance(0.05)) return copy.subarray(0, random.below(copy.length));
  if (random.chance(0.8)) mendSums(copy);
  return copy;
}

/** Else what a VHD says of itself is seldom looked at. */
function mendSums(file: Buffer): void {
  const footers = [file.subarray(0, footerSize), file.subarray(-footerSize)];
  for (const footer of footers.filter((one) => one.toString('latin1', 0, 8) === 'conectix')) {
    footer.writeUInt32BE(sumOf(footer, 64), 64);
    const header = file.subarray(footerSize, footerSize + headerSize);
    if (header.toString('latin1', 0, 8) === 'cxsparse') {
      header.writeUInt32BE(sumOf(header, headerSumOffset), headerSumOffset);
    }
  }
}

const numbers = [
  ...[0n, 1n, 2n, 16n, 512n, 65_536n, 65_537n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 40n, 2n ** 53n],
  ...[2n ** 62n, 2n ** 62n + 65_536n, 2n ** 63n, 2n ** 63n + 65_536n, 2n ** 64n - 1n],
];
