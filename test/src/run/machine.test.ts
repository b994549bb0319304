import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { chooseAccelerator, probeKvm } from '../../../src/run/accelerator.ts';
import { inspectDisk } from '../../../src/run/inspect-disk.ts';
import { chooseBoot, parseCpus, parseMemory, withLoaderOptions } from '../../../src/run/machine.ts';
import { parsePortForward, parsePortForwards } from '../../../src/run/port-forward.ts';
import { digestOf } from '../../../store/index.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'osv-convert-machine-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

describe('parsePortForward', () => {
  it.each([
    ['8080:80', 'tcp', '127.0.0.1', 8080, 80],
    ['0:80/tcp', 'tcp', '127.0.0.1', 0, 80],
    ['192.0.2.1:53:5353/udp', 'udp', '192.0.2.1', 53, 5353],
  ])('reads %s', (text, protocol, hostAddress, hostPort, guestPort) => {
    expect(parsePortForward(text)).toEqual({ protocol, hostAddress, hostPort, guestPort });
  });

  it.each([
    '',
    '80',
    ':80',
    '80:',
    '80:0',
    '70000:80',
    '80:80/sctp',
    '80:80/udp/x',
    'host:1:2',
    '::1:1:2',
    '1.2.3.4:5:6:7',
    '8080:80,hostfwd=tcp::1-:1',
    '-1:80',
    '8 0:80',
  ])('refuses %j', (text) => {
    expect(() => parsePortForward(text)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });
});

describe('parsePortForwards', () => {
  it.each([
    [['80:80', '80:81'], 'take a port that is free: -p 0:81'],
    [['8080:1', '80:80', '127.0.0.1:80:80/tcp'], 'take a port that is free: -p 0:80'],
    [['53:53/udp', '0.0.0.0:53:54/udp'], 'take a port that is free: -p 0:54/udp'],
    [['0.0.0.0:80:80', '192.0.2.1:80:81'], 'take a port that is free: -p 0:81'],
  ])('refuses %j, naming the last and the one before it that is the same port', (texts, hint) => {
    expect(() => parsePortForwards(texts)).toThrow(
      expect.objectContaining({
        code: 'USAGE',
        message: `reading the ports to forward: found ${texts.at(-2)} and ${texts.at(-1)}, wanted each port of the host once`,
        hint,
      }),
    );
  });

  it('reads all when ports are free ones, or differ in number, protocol or address', () => {
    const texts = ['0:80', '0:80', '80:80', '81:80', '80:80/udp', '127.0.0.2:80:80'];
    expect(parsePortForwards(texts)).toEqual(texts.map(parsePortForward));
  });
});

describe('parseMemory and parseCpus', () => {
  it.each([
    ['512', 512],
    ['512M', 512],
    ['2g', 2048],
  ])('read %s as %d MiB', (text, wanted) => {
    expect(parseMemory(text)).toBe(wanted);
  });

  it.each(['', '63', '1.5G', '-1', '2T', '9999999'])('refuse the memory %j', (text) => {
    expect(() => parseMemory(text)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });

  it.each(['0', '65', 'x', '', '1.0'])('refuse %j processors', (text) => {
    expect(() => parseCpus(text)).toThrow(expect.objectContaining({ code: 'USAGE' }));
    expect(parseCpus('64')).toBe(64);
  });
});

describe('chooseBoot', () => {
  const elf = '/store/blobs/sha256/aa';
  const commandLine = Buffer.from('--rootfs=rofs --env=A=žluť /app/hello');

  it('is direct when an ELF and the command line are known', () => {
    expect(chooseBoot({ elf, commandLine, hasLoader: true })).toEqual({
      kind: 'direct',
      kernel: elf,
      commandLine: '--rootfs=rofs --env=A=žluť /app/hello',
    });
  });

  it.each([
    ['no ELF is known', { commandLine }],
    ['no command line is known', { elf }],
    [
      'the command line is too long to be handed over',
      { elf, commandLine: Buffer.alloc(3601, 'x') },
    ],
    ['the command line is not UTF-8', { elf, commandLine: Buffer.from([0x2f, 0xff]) }],
  ])('falls back to BIOS when %s, if the disk has a kernel', (_, parts) => {
    expect(chooseBoot({ ...parts, hasLoader: true })).toEqual({ kind: 'bios' });
  });

  it('does not fall back to BIOS when something is asked for that only direct boot can do', () => {
    const wish = 'setting a variable (--env)';
    expect(() => chooseBoot({ commandLine, hasLoader: true, wish })).toThrow(
      expect.objectContaining({
        code: 'KERNEL_NOT_FOUND',
        message:
          'booting the disk directly, as setting a variable (--env) wants: found no ELF of its kernel in the store',
      }),
    );
    expect(() =>
      chooseBoot({ elf, commandLine: Buffer.alloc(3601, 'x'), hasLoader: true, wish }),
    ).toThrow(expect.objectContaining({ code: 'COMMAND_LINE_INEXPRESSIBLE', hint: undefined }));
  });

  it('fails when there is no kernel', () => {
    expect(() => chooseBoot({ commandLine, hasLoader: false })).toThrow(
      expect.objectContaining({ code: 'KERNEL_NOT_FOUND' }),
    );
  });

  it('wants a shorter command line, and a loader.img, on aarch64', () => {
    const on = { architecture: 'aarch64', hasLoader: false } as const;
    const longest = Buffer.alloc(1023, 'x');
    expect(chooseBoot({ ...on, elf, commandLine: longest })).toMatchObject({ kind: 'direct' });
    expect(() => chooseBoot({ ...on, elf, commandLine: Buffer.alloc(1024, 'x') })).toThrow(
      expect.objectContaining({ code: 'COMMAND_LINE_INEXPRESSIBLE', hint: undefined }),
    );
    expect(() => chooseBoot({ ...on, commandLine })).toThrow(
      expect.objectContaining({
        code: 'KERNEL_NOT_FOUND',
        message: expect.stringContaining('no loader.img of one in the store'),
        hint: 'osv-convert kernel add loader.img',
      }),
    );
  });

  it.each([
    [{ elf, commandLine: Buffer.alloc(3601, 'x') }, 'a command line of 3601 bytes'],
    [{ elf, commandLine: Buffer.from([0xff]) }, 'not UTF-8'],
    [{ elf }, 'no command line'],
  ])('fails when only direct boot is left and cannot be: %#', (parts, found) => {
    const choose = () => chooseBoot({ ...parts, hasLoader: false });
    expect(choose).toThrow(expect.objectContaining({ code: 'COMMAND_LINE_INEXPRESSIBLE' }));
    expect(choose).toThrow(found);
  });
});

describe('withLoaderOptions', () => {
  it('puts options before all else, and leaves the bytes of the line alone', () => {
    const line = withLoaderOptions(Buffer.from([0x2f, 0xff]), ['--verbose', '--ip=eth0,a,b']);
    expect(Buffer.from(line).toString('latin1')).toBe('--verbose --ip=eth0,a,b /\xff');
    expect(withLoaderOptions(line, [])).toEqual(line);
  });
});

describe('probeKvm', () => {
  async function host(modules: readonly string[]) {
    await mkdir(join(folder, 'modules'));
    for (const name of modules) await mkdir(join(folder, 'modules', name));
    await writeFile(join(folder, 'kvm'), '');
    return { architecture: 'x64', device: join(folder, 'kvm'), modules: join(folder, 'modules') };
  }

  it('finds KVM usable when its device opens', async () => {
    expect(probeKvm(await host(['kvm', 'kvm_intel']))).toMatchObject({ usable: true });
  });

  it('finds the paravirtual form for nested machines unusable', async () => {
    const found = 'kvm_pvm, which cannot run OSv';
    expect(probeKvm(await host(['kvm', 'kvm_pvm']))).toEqual({ usable: false, found });
  });

  it('finds KVM unusable without the device, or on another architecture', async () => {
    const good = await host([]);
    expect(probeKvm({ ...good, device: join(folder, 'gone') }).usable).toBe(false);
    expect(probeKvm({ ...good, architecture: 'arm64' }).usable).toBe(false);
    expect(probeKvm(good, 'aarch64').usable).toBe(false);
    expect(probeKvm({ ...good, architecture: 'arm64' }, 'aarch64').usable).toBe(true);
  });
});

describe('chooseAccelerator', () => {
  const yes = { usable: true, found: '/dev/kvm' };
  const no = { usable: false, found: 'no access to /dev/kvm' };

  it.each([
    ['auto', yes, 'kvm'],
    ['auto', no, 'tcg'],
    ['tcg', yes, 'tcg'],
    ['kvm', yes, 'kvm'],
  ] as const)('of %s is right where KVM is %o', (wanted, kvm, chosen) => {
    expect(chooseAccelerator(wanted, kvm)).toBe(chosen);
  });

  it('fails when KVM is wanted and cannot be used', () => {
    expect(() => chooseAccelerator('kvm', no)).toThrow(
      expect.objectContaining({
        code: 'QEMU_FAILED',
        message: 'choosing an accelerator: found no access to /dev/kvm, wanted KVM',
      }),
    );
  });
});

describe('inspectDisk', () => {
  const line = '--rootfs=rofs /app/hello \udcff !';

  async function disk(bytes: Uint8Array, report?: unknown): Promise<string> {
    const path = join(folder, 'disk');
    await writeFile(path, bytes);
    if (report !== undefined) {
      await writeFile(`${path}.json`, typeof report === 'string' ? report : JSON.stringify(report));
    }
    return path;
  }

  function biosDisk(): Buffer {
    const bytes = Buffer.alloc(100_000, 0xee);
    bytes.write('VSO', 0x1b8, 'latin1');
    bytes.write('--rootfs=rofs /app/hello \xff !\0old words', 512, 'latin1');
    return bytes;
  }

  /** A qcow2 that changes another disk: only QEMU reads it. */
  function overlay(): Buffer {
    const bytes = Buffer.alloc(512);
    bytes.write('QFI\xfb\0\0\0\x03', 'latin1');
    bytes.writeBigUInt64BE(400n, 8);
    return bytes;
  }

  it('reads the command line from a raw disk with a kernel, whatever the report says', async () => {
    const elf = digestOf(Buffer.from('elf'));
    const report = { commandLine: 'stale', disk: { boot: 'direct' }, kernel: { elf } };
    const facts = await inspectDisk(await disk(biosDisk(), report));
    expect({
      ...facts,
      commandLine: Buffer.from(facts.commandLine ?? []).toString('latin1'),
    }).toEqual({
      format: 'raw',
      hasLoader: true,
      commandLine: '--rootfs=rofs /app/hello \xff !',
      elf,
    });
  });

  it('finds the form that starts by itself on the architecture of the kernel', async () => {
    const [loader, elf] = ['loader', 'elf'].map((text) => digestOf(Buffer.from(text)));
    for (const [architecture, file] of [
      ['x86_64', elf],
      ['aarch64', loader],
    ]) {
      const report = { disk: { boot: 'direct' }, kernel: { architecture, loader, elf } };
      const facts = await inspectDisk(await disk(Buffer.alloc(2048), report));
      expect(facts).toEqual({ format: 'raw', hasLoader: false, architecture, elf: file });
    }
  });

  it('reads the report of a qcow2 and of a disk without a kernel', async () => {
    const report = { commandLine: line, disk: { boot: 'direct' }, kernel: null };
    const raw = await inspectDisk(await disk(Buffer.alloc(2048), report));
    expect(raw).toMatchObject({ format: 'raw', hasLoader: false });
    expect(Buffer.from(raw.commandLine ?? []).toString('latin1')).toBe(
      '--rootfs=rofs /app/hello \xff !',
    );
    const qcow2 = await inspectDisk(await disk(overlay(), report));
    expect(qcow2).toMatchObject({ format: 'qcow2', hasLoader: false });
    const bios = await inspectDisk(await disk(overlay(), { disk: { boot: 'bios' } }));
    expect(bios).toEqual({ format: 'qcow2', hasLoader: true });
  });

  it.each([
    ['none', undefined],
    ['no JSON', '{'],
    ['another document', [1, 'x']],
    ['members of other kinds', { commandLine: 1, disk: 'x', kernel: { elf: 'sha256:short' } }],
  ])('tells only what the disk shows when the report is %s', async (_, report) => {
    expect(await inspectDisk(await disk(overlay(), report))).toEqual({
      format: 'qcow2',
      hasLoader: true,
    });
    expect(await inspectDisk(await disk(new Uint8Array(512), report))).toEqual({
      format: 'raw',
      hasLoader: false,
    });
  });

  it('takes a command line that fills its area', async () => {
    const bytes = Buffer.alloc(40_000, 'x');
    bytes.write('VSO', 0x1b8, 'latin1');
    expect((await inspectDisk(await disk(bytes))).commandLine).toHaveLength(63 * 512);
  });

  it.each([
    ['gzip', '\x1f\x8b', 'a gzip file'],
    ['tar', `${'\0'.repeat(257)}ustar`, 'a tar'],
  ])('refuses a disk that is packed as %s', async (_, head, found) => {
    const bytes = Buffer.alloc(4096);
    bytes.write(head, 'latin1');
    await expect(inspectDisk(await disk(bytes))).rejects.toMatchObject({
      code: 'DISK_UNSUPPORTED',
      message: expect.stringContaining(`found ${found}, wanted`),
    });
  });

  it('fails on a folder, and where nothing is', async () => {
    await expect(inspectDisk(folder)).rejects.toMatchObject({ code: 'USAGE' });
    await expect(inspectDisk(join(folder, 'gone'))).rejects.toMatchObject({ code: 'USAGE' });
  });
});
