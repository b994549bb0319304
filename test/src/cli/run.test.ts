import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createValidator } from '../../../schemas/index.ts';
import { withPartition } from '../../../src/disk/mbr.ts';
import { runCli } from '../../support/cli.ts';
import { fakeLoader } from '../osv/fake-kernel.ts';

let folder: string;
let disk: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'osv-convert-run-test-'));
  disk = join(folder, 'its own.raw');
  await writeFile(disk, fakeLoader());
});

afterEach(() => rm(folder, { recursive: true, force: true }));

const run = (...words: string[]) => runCli(['run', ...words, '--store', join(folder, 'store')]);

describe('run', () => {
  it('is refused for a disk whose end was lost, before anything is started', async () => {
    const loader = fakeLoader();
    const size = loader.length + 4096;
    const partition = { offset: loader.length, size: 4096 };
    await writeFile(disk, Buffer.concat([withPartition(loader, partition), loader.subarray(512)]));
    const { code, stdout, stderr } = await run(disk);
    expect([code, stdout]).toEqual([6, '']);
    expect(stderr).toContain(`found ${loader.length} bytes, wanted at least ${size}, where its`);
    expect(stderr).toContain(`try: osv-convert build REF -o '${disk}' --store `);
  });
});

describe('run --dry-run', () => {
  it('prints the command, and as JSON what its schema says', async () => {
    const words = ['--accel', 'tcg', '-p', '8080:80', '--network', 'user,mac=52:54:00:00:00:01'];
    const plain = await run(disk, ...words, '--dry-run');
    expect(plain.code, plain.stderr).toBe(0);
    expect(plain.stdout).toContain(`'file=${disk},if=none,id=disk,format=raw,readonly=on'`);
    expect(plain.stdout).toContain('hostfwd=tcp:127.0.0.1:8080-:80');
    const json = await run(disk, ...words, '--dry-run', '--json');
    const value: unknown = JSON.parse(json.stdout);
    expect((await createValidator('run-dry-run'))(value)).toBeUndefined();
    expect(value).toMatchObject({ vmm: 'qemu', program: 'qemu-system-x86_64' });
  });

  it('is refused for an image, of which nothing is built for it', async () => {
    const { code, stderr } = await run('registry.example/web:1.0', '--dry-run');
    expect(code).toBe(2);
    expect(stderr).toContain('found the image registry.example/web:1.0, wanted a disk');
    expect(stderr).toContain(
      'try: osv-convert build registry.example/web:1.0 -o disk.img --store ',
    );
  });
});

describe('run', () => {
  it('refuses what a disk that boots itself cannot follow, when there is no ELF of its kernel', async () => {
    const { code, stderr } = await run(disk, '--verbose');
    expect(code).toBe(9);
    expect(stderr).toContain('booting the disk directly, as --verbose wants');
  });

  it.each([
    [['--network', 'host'], 'reading a network'],
    [['--network', 'none', '-p', '1:2'], 'no user network'],
    [['--wait-port', '80'], 'no way to it'],
    [['--timeout', 'soon'], 'reading --timeout'],
  ])('refuses %j', async (words, found) => {
    const { code, stderr } = await run(disk, ...words);
    expect(code).toBe(2);
    expect(stderr).toContain(found);
  });
});

describe('a disk', () => {
  it.each([
    ['run', 'running'],
    ['create', 'creating a machine of'],
  ])('given to %s refuses options that are for an image', async (command, doing) => {
    const words = command === 'create' ? [command, 'web', disk] : [command, disk];
    const options = ['--runtime', 'host', '--tmpfs', '/data', '--store', join(folder, 'store')];
    const { code, stderr } = await runCli([...words, ...options], {
      env: { XDG_STATE_HOME: join(folder, 'state') },
    });
    expect(code).toBe(2);
    expect(stderr).toContain(`${doing} ${disk}: found --runtime, --tmpfs, which are for an image`);
  });
});
