import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DiskFormat } from '../../../src/disk/formats.ts';
import { openWholeDisk } from '../../../src/disk/open-disk.ts';
import type { WriteImageOptions } from '../../../src/disk/output.ts';
import {
  bytesOf,
  gib,
  mib,
  mixed,
  noise,
  type Plan,
  planOf,
  sumOf,
  text,
  ways,
  writtenDisks,
} from './written-disk.ts';

const { write, out } = writtenDisks();

const qemuImg = spawnSync('qemu-img', ['--version']).status === 0;
if (!qemuImg) console.warn('qemu-img is not installed: what it says of formats is not tested');

describe.skipIf(!qemuImg)('qemu-img', () => {
  const qemuNames: Partial<Record<DiskFormat, string>> = {
    qcow2: 'qcow2',
    vmdk: 'vmdk',
    vdi: 'vdi',
    vhd: 'vpc',
    'vhd-dynamic': 'vpc',
  };
  const opened = ways.filter(([, { format }]) => qemuNames[format] !== undefined);

  function run(...args: readonly string[]): string {
    const { status, stdout, stderr } = spawnSync('qemu-img', args, { encoding: 'utf8' });
    expect({ args, status, stderr }).toEqual({ args, status: 0, stderr: '' });
    return stdout;
  }

  async function verify(plan: Plan, options: WriteImageOptions): Promise<void> {
    const name = qemuNames[options.format] ?? '';
    const { size } = await write(plan, 'disk', options);
    await write({ ...plan, size }, 'raw', { format: 'raw' });
    const info = JSON.parse(run('info', '--output=json', out('disk')));
    expect(info).toMatchObject({
      format: name === 'vpc' ? expect.stringMatching(/raw|vpc/) : name,
    });
    const told = JSON.parse(run('info', '-f', name, '--output=json', out('disk')));
    expect(told['virtual-size']).toBe(size);
    if (name !== 'vpc') {
      const found = JSON.parse(run('check', '-f', name, '--output=json', out('disk')));
      expect(found).not.toHaveProperty('corruptions');
      expect(found).not.toHaveProperty('leaks');
      expect(found['check-errors']).toBe(0);
    }
    run('compare', '-f', 'raw', '-F', name, out('raw'), out('disk'));
  }

  const plans: readonly (readonly [string, Plan])[] = [
    ['a sector of zeros', planOf(512, [])],
    ['one byte', planOf(512, [[511, Buffer.of(1)]])],
    ['an odd size', planOf(65_536 + 512, [[65_536, text(512)]])],
    ['all kinds of bytes', mixed],
    [
      'bytes at the ends of 5 GiB',
      planOf(5 * gib + 512, [
        [0, text(512)],
        [512 * mib - 10, text(20)],
        [5 * gib, text(512)],
      ]),
    ],
  ];
  test.each(opened)('finds %s sound and equal to the raw disk', async (_, options) => {
    for (const [, plan] of plans) await verify(plan, options);
  });

  test('finds a compressed qcow2 sound and equal for any disk', async () => {
    const part = fc.tuple(fc.nat(8 * mib), fc.boolean(), fc.integer({ min: 1, max: 300_000 }));
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 4 }), async (parts) => {
        let end = 0;
        const placed = parts.map(([gap, isNoise, length]): [number, Buffer] => {
          const offset = end + gap;
          end = offset + length;
          return [offset, isNoise ? noise(length) : text(length)];
        });
        const plan = planOf(Math.ceil((end + 1) / 512) * 512, placed);
        await verify(plan, { format: 'qcow2', compression: 'zlib' });
      }),
      { numRuns: 6, seed: 7 },
    );
  });

  test.each([
    ['vmdk', 'subformat=streamOptimized'],
    ['vdi', ''],
    ['vdi', 'static=on'],
    ['vpc', 'subformat=fixed,force_size=on'],
    ['vpc', 'subformat=dynamic'],
    ['vpc', 'subformat=dynamic,force_size=on'],
  ])('makes of a disk as %s %s what is read as the same', async (format, settings) => {
    await write(mixed, 'raw', { format: 'raw' });
    const words = settings === '' ? [] : ['-o', settings];
    run('convert', '-f', 'raw', '-O', format, ...words, out('raw'), out('theirs'));
    const { disk, close } = await openWholeDisk(out('theirs'));
    expect(sumOf(disk.read(0, mixed.size))).toBe(sumOf(bytesOf(mixed)));
    close();
  });

  test.each([['vmdk', 'subformat=monolithicSparse']])(
    'makes of a disk as %s %s what is refused with a hint',
    async (format, settings) => {
      await write(mixed, 'raw', { format: 'raw' });
      run('convert', '-f', 'raw', '-O', format, '-o', settings, out('raw'), out('theirs'));
      await expect(openWholeDisk(out('theirs'))).rejects.toMatchObject({
        code: 'DISK_UNSUPPORTED',
        hint: expect.stringContaining('qemu-img convert -O raw'),
      });
    },
  );
});
