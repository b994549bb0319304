import { describe, expect, test } from 'vitest';
import { fsckDisk } from '../../../src/disk/fsck.ts';
import { type DiskRule, diskRules } from '../../../src/disk/fsck-rules.ts';
import { type DiskPlan, planDisk } from '../../../src/disk/plan.ts';
import { planRofs } from '../../../src/rofs/plan.ts';
import type { SyncAccess } from '../../../src/tree/access.ts';
import { openContents } from '../../../src/tree/contents.ts';
import { directory, fileOfBytes } from '../../../src/tree/nodes.ts';
import type { Node } from '../../../src/tree/tree.ts';
import { accessOf } from '../rofs/image.ts';

const root = directory(new Map<string, Node>([['a', fileOfBytes(Buffer.from('hello'))]]));
const rofs = planRofs({ root });
const kernelSize = 3 * 32_768;
const loader = Buffer.alloc(65_536 + kernelSize);
loader.write('boot code');
loader.writeUInt16LE(3, 0x10);
loader.writeUInt16LE(0xaa55, 0x1fe);
loader.write('\x7fELF', 65_536, 'latin1');

function bios(commandLine: string): Buffer {
  const line = Buffer.from(commandLine);
  return bytesOf(planDisk({ loader: accessOf(loader), commandLine: line, rofs }));
}

function bytesOf(plan: DiskPlan): Buffer {
  const bytes = Buffer.alloc(plan.size);
  const contents = openContents(new Map());
  for (const { offset, length, source } of plan.segments()) {
    const target = bytes.subarray(offset, offset + length);
    if (source.kind === 'bytes') target.set(source.bytes);
    else if (source.kind === 'content') contents.readInto(source.content, 0, target);
    else target.set(source.access.read(source.offset, length));
  }
  return bytes;
}

const sound = bios('--rootfs=rofs --env=A=\\ ž /usr/bin/dotnet /app/web.dll "a b" !');
const start = 2 * 2 ** 20;

function edited(edit: (bytes: Buffer) => unknown, base = sound): Buffer {
  const bytes = Buffer.from(base);
  edit(bytes);
  return bytes;
}

/** One corruption for each rule: the type wants all of them. */
const seeds: Readonly<Record<DiskRule, Buffer>> = {
  'boot-signature': edited((bytes) => bytes.writeUInt16LE(0, 0x1fe)),
  'partition-missing': edited((bytes) => bytes.writeUInt8(0, 0x1ce + 4)),
  'partition-chs': edited((bytes) => bytes.writeUInt8(0xc0, 0x1ce + 2)),
  'partition-start': edited((bytes) => bytes.writeUInt32LE(0, 0x1ce + 8)),
  'partition-bounds': edited((bytes) => bytes.writeUInt32LE(2 ** 32 - 1, 0x1ce + 12)),
  'partition-kernel': edited((bytes) => bytes.writeUInt32LE(128, 0x1ce + 8)),
  'partition-overlap': edited((bytes) => {
    bytes.copy(bytes, 0x1ee, 0x1ce, 0x1de);
  }),
  'partition-rofs': edited((bytes) => bytes.writeUInt8(0, start)),
  'kernel-count': edited((bytes) => bytes.writeUInt16LE(65_535, 0x10)),
  'kernel-format': edited((bytes) => bytes.writeUInt8(0, 65_536)),
  'command-line-end': edited((bytes) => bytes.fill('a', 512, 65_536)),
  'command-line-parse': bios('--rootfs=rofs /app/žluť'),
  'command-line-empty': bios('--rootfs=rofs'),
};

describe('fsckDisk', () => {
  test('finds nothing when a disk was made here', () => {
    const found = { kind: 'disk', findings: [] };
    expect(fsckDisk(accessOf(sound))).toEqual({ ...found, boot: 'bios', rofsOffset: start });
    const direct = bytesOf(planDisk({ rofs }));
    expect(fsckDisk(accessOf(direct))).toEqual({ ...found, boot: 'direct', rofsOffset: 512 });
    const alone = accessOf(direct.subarray(512));
    expect(fsckDisk(alone)).toEqual({ kind: 'rofs', rofsOffset: 0, findings: [] });
  });

  test.each(Object.entries(seeds))('finds %s when that is what is wrong', (rule, bytes) => {
    const { findings } = fsckDisk(accessOf(bytes));
    const found = findings.find((one) => one.rule === rule);
    expect(findings.map((one) => one.rule)).toContain(rule);
    expect(found).toMatchObject(diskRules[rule as DiskRule]);
    expect(found?.text).toMatch(/^found .*wanted /);
  });

  test('tells places inside the ROFS from the start of the disk', () => {
    const { findings } = fsckDisk(accessOf(edited((bytes) => bytes.writeUInt8(2, start + 8))));
    expect(findings).toMatchObject([{ rule: 'version', offset: start + 8 }]);
  });

  test.each([
    ['! /app', '! where a program begins'],
    ['--env=A=b ;/app', '; where a program begins'],
    ['/app é', 'byte 0xc3 behind the options'],
  ])('says why when OSv cannot read %j', (line, why) => {
    const { findings } = fsckDisk(accessOf(bios(line)));
    expect(findings).toMatchObject([
      { rule: 'command-line-parse', text: `found ${why}, wanted ASCII words` },
    ]);
  });

  test('takes a disk that ends anywhere', () => {
    for (const size of [0, 1, 64, 511, 512, 600, 70_000, start, start + 100, start + 600]) {
      const cut: SyncAccess = accessOf(sound.subarray(0, size));
      expect(fsckDisk(cut).findings.length).toBeGreaterThan(0);
    }
  });
});
