import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { openWholeDisk } from '../../../src/disk/open-disk.ts';
import { sparseHeader } from '../../../src/disk/sparse-tar.ts';
import { bytesOf, gib, kib, mib, mixed, planOf, sumOf, writtenDisks } from './written-disk.ts';

const { write, out } = writtenDisks();

describe('a tar for Compute Engine', () => {
  test('holds a sparse disk.raw of whole GiB, as GNU tar reads it', async () => {
    const { size, bytes } = await write(mixed, 'disk.tar.gz', { format: 'gce' });
    expect(size).toBe(gib);
    expect(bytes).toBeLessThan(mib);
    const tar = gunzipSync(readFileSync(out('disk.tar.gz')));
    expect(tar.length).toBeLessThan(2 * mib);
    const listed = spawnSync('tar', ['--numeric-owner', '-tvzf', out('disk.tar.gz')], {
      encoding: 'utf8',
      env: { ...process.env, TZ: 'UTC' },
    });
    expect(listed).toMatchObject({ status: 0, stderr: '' });
    expect(listed.stdout).toBe(`-rw-r--r-- 0/0      ${gib} 1970-01-01 00:00 disk.raw\n`);
    expect(spawnSync('tar', ['-xzf', out('disk.tar.gz'), '-C', out('.')]).status).toBe(0);
    const { disk, close } = await openWholeDisk(out('disk.raw'));
    expect(disk.size).toBe(gib);
    expect(sumOf(disk.read(0, mixed.size))).toBe(sumOf(bytesOf(mixed)));
    close();
    expect(statSync(out('disk.raw')).blocks * 512).toBeLessThan(3 * mib);
  });

  test('has more runs than fit in a header, and a disk of zeros none', async () => {
    const parts = Array.from({ length: 60 }, (_, i): [number, Buffer] => [
      i * 256 * kib,
      Buffer.of(i + 1),
    ]);
    const many = planOf(60 * 256 * kib, parts);
    for (const [name, plan] of [
      ['many', many],
      ['none', planOf(512, [])],
    ] as const) {
      await write(plan, `${name}.tgz`, { format: 'gce' });
      const compared = spawnSync('sh', [
        '-c',
        `tar -xzOf "$1" disk.raw | head -c ${plan.size} | sha256sum`,
        'sh',
        out(`${name}.tgz`),
      ]);
      expect(compared.stdout.toString().slice(0, 64)).toBe(sumOf(bytesOf(plan)));
    }
  });

  test('tells sizes of 8 GiB and more', () => {
    const header = sparseHeader('disk.raw', 9 * gib, []);
    expect(header.readUInt8(483)).toBe(0x80);
    expect(header.readBigUInt64BE(487)).toBe(BigInt(9 * gib));
  });
});
