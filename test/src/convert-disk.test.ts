import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createValidator } from '../../schemas/index.ts';
import { convertDisk } from '../../src/convert-disk.ts';
import type { DiskFormat } from '../../src/disk/formats.ts';
import { openWholeDisk } from '../../src/disk/open-disk.ts';
import { writeDisk } from '../../src/disk/output.ts';
import { planDisk } from '../../src/disk/plan.ts';
import { machineOf, writeReport } from '../../src/disk-output.ts';
import { parseDiskOutput } from '../../src/disk-target.ts';
import type { ConvertEvent } from '../../src/event.ts';
import type { Report } from '../../src/report.ts';
import { planRofs } from '../../src/rofs/plan.ts';
import { openContents } from '../../src/tree/contents.ts';
import { directory, fileOfBytes } from '../../src/tree/nodes.ts';
import { digestOf, openStore, parseDiffID, type Store } from '../../store/index.ts';
import { bootProbe, buildProbe, type ProbedFormat, probeTools } from '../support/boot-probe.ts';
import { runCli } from '../support/cli.ts';
import { findProgram } from '../support/docker-registry.ts';
import { readTar } from '../support/read-tar.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const folder = temporaryFolder('convert-disk');
let store: Store;
beforeAll(async () => {
  store = await openStore(join(folder, 'store'));
});
afterAll(async () => {
  await store.close();
});
beforeEach(() => {
  rmSync(at('.'), { recursive: true, force: true });
  mkdirSync(at('.'));
});

function at(name: string): string {
  return join(folder, 'out', name);
}

const contents = openContents(new Map());
const text = Buffer.alloc(3_000_000, 'text of an app that compresses well\n');
const rofs = planRofs({
  root: directory(
    new Map([
      ['app.dll', fileOfBytes(text)],
      ['zeros', fileOfBytes(Buffer.alloc(1_000_000))],
    ]),
  ),
});

function loaderOf(): Buffer {
  const loader = Buffer.alloc(65_536 + 32_768, 'k').fill(0, 512, 65_536);
  loader.writeUInt16LE(1, 0x10);
  loader.fill(0, 0x1be, 0x1fe).writeUInt16LE(0xaa55, 0x1fe);
  return loader;
}

function accessOf(bytes: Buffer) {
  return {
    size: bytes.length,
    read: (from: number, length: number) => bytes.subarray(from, from + length),
  };
}

function diskOf(loader: Buffer) {
  const commandLine = Buffer.from('/app.dll');
  return planDisk({ loader: accessOf(loader), commandLine, rofs });
}

/** A raw disk that boots from a BIOS; its size is told. */
async function rawDisk(name = 'disk.raw'): Promise<number> {
  const { size } = await writeDisk(diskOf(loaderOf()), at(name), { format: 'raw', contents });
  return size;
}

const digest = digestOf(Buffer.from('anything'));

function reportOf(size: number): Report {
  return {
    version: 1,
    image: {
      reference: 'registry.example.com/team/web:1',
      manifest: digest,
      config: digest,
      platform: 'linux/amd64',
      layers: [],
    },
    app: {
      kind: 'native-aot',
      program: '/app.dll',
      args: [],
      workingDirectory: '/',
      aspnet: false,
    },
    runtime: null,
    added: [],
    kernel: null,
    disk: { format: 'raw', boot: 'bios', size, partition: { offset: 2 ** 21, size: rofs.size } },
    rofs: { files: 2, directories: 1, symlinks: 0, bytes: rofs.size },
    reach: null,
    commandLine: '/app.dll',
    env: { NAME: 'value' },
    files: [],
    additions: [],
    memory: null,
    tmpfs: [],
    warnings: [],
  };
}

async function bytesOf(path: string): Promise<Uint8Array> {
  const { disk, close } = await openWholeDisk(path);
  try {
    return disk.read(0, disk.size);
  } finally {
    close();
  }
}

describe('parseDiskOutput', () => {
  test('takes the format from the name, and the store for KubeVirt', () => {
    expect(parseDiskOutput('web.vmdk')).toEqual({ format: 'vmdk', path: 'web.vmdk' });
    expect(parseDiskOutput('web.vmdk', 'raw')).toEqual({ format: 'raw', path: 'web.vmdk' });
    expect(parseDiskOutput('web.vhdx', 'vhd')).toEqual({ format: 'vhd', path: 'web.vhdx' });
    const stored = { format: 'containerdisk', name: 'docker.io/library/web:latest' };
    expect(parseDiskOutput('store:web')).toEqual(stored);
    expect(parseDiskOutput('store:web', 'containerdisk')).toEqual(stored);
  });

  test('refuses a format that does not go there, and a name that is none', () => {
    const usage = expect.objectContaining({ code: 'USAGE' });
    expect(() => parseDiskOutput('store:web', 'raw')).toThrow(usage);
    expect(() => parseDiskOutput('web', 'containerdisk')).toThrow(usage);
    expect(() => parseDiskOutput('web.vhdx')).toThrow(usage);
    expect(() => parseDiskOutput('store:We b')).toThrow(
      expect.objectContaining({ code: 'REFERENCE_INVALID' }),
    );
  });
});

describe('machineOf', () => {
  test.each([
    ['registry.example.com:5000/team/web:1', 'web'],
    ['docker.io/library/a_b@sha256:00', 'a_b'],
    ['oci:/some/folder/', 'osv'],
    ['we b<&', 'we-b--'],
  ])('calls the machine of %s %s', (reference, name) => {
    expect(machineOf(reference)).toEqual({ name, memory: 1024, cpus: 1 });
  });
});

describe('convertDisk', () => {
  test('goes through all formats and back to the same disk', async () => {
    const size = await rawDisk();
    let from = at('disk.raw');
    for (const name of ['1.qcow2', '2.vdi', '3.vmdk', '4.vhd', '5.qcow2', '6.vhd', '7.raw']) {
      const format = name === '6.vhd' ? 'vhd-dynamic' : undefined;
      const converted = await convertDisk(store, from, parseDiskOutput(at(name), format));
      expect(converted.report).toBeNull();
      from = at(name);
    }
    const grown = await bytesOf(at('7.raw'));
    expect(grown.length).toBe(Math.ceil(size / 2 ** 20) * 2 ** 20);
    const original = readFileSync(at('disk.raw'));
    expect(original.equals(grown.subarray(0, size))).toBe(true);
    expect(grown.subarray(size).every((byte) => byte === 0)).toBe(true);
  });

  test('gives what build gives in that format, and takes the report along', async () => {
    const size = await rawDisk();
    await writeReport(reportOf(size), at('disk.raw.json'));
    const { report, to, from } = await convertDisk(
      store,
      at('disk.raw'),
      parseDiskOutput(at('disk.vhd')),
    );
    expect(from).toEqual({ path: at('disk.raw'), format: 'raw', size });
    const whole = Math.ceil(size / 2 ** 20) * 2 ** 20;
    expect(to).toEqual({
      output: at('disk.vhd'),
      format: 'vhd',
      size: whole,
      bytes: whole + 512,
    });
    expect(report).toBe(at('disk.vhd.json'));
    const { disk, ...rest } = reportOf(size);
    expect(JSON.parse(readFileSync(at('disk.vhd.json'), 'utf8'))).toEqual({
      ...rest,
      disk: { ...disk, format: 'vhd', size: whole },
    });
  });

  test('calls the machine of an OVA after the image of the report', async () => {
    await writeReport(reportOf(await rawDisk()), at('disk.raw.json'));
    await convertDisk(store, at('disk.raw'), parseDiskOutput(at('disk.ova')));
    const listed = spawnSync('tar', ['-tf', at('disk.ova')], { encoding: 'utf8' });
    expect(listed.stdout).toBe('web.ovf\nweb.mf\ndisk.vmdk\n');
  });

  test('says so when the file beside the disk is no report of it', async () => {
    await rawDisk();
    writeFileSync(at('disk.raw.json'), '{}');
    const events: ConvertEvent[] = [];
    const { report } = await convertDisk(store, at('disk.raw'), parseDiskOutput(at('disk.vdi')), {
      onEvent: (event) => events.push(event),
    });
    expect(report).toBeNull();
    expect(events.filter(({ event }) => event === 'warning')).toEqual([
      {
        event: 'warning',
        text: `${at('disk.raw.json')} is no report of a disk, and is not copied`,
      },
    ]);
    expect(readdirSync(at('.')).sort()).toEqual(['disk.raw', 'disk.raw.json', 'disk.vdi']);
  });

  test('refuses to write a disk onto itself, by whatever name', async () => {
    await rawDisk();
    symlinkSync('disk.raw', at('link.qcow2'));
    linkSync(at('disk.raw'), at('hard.vdi'));
    const before = readFileSync(at('disk.raw'));
    for (const name of ['disk.raw', 'link.qcow2', 'hard.vdi']) {
      await expect(
        convertDisk(store, at('disk.raw'), parseDiskOutput(at(name))),
      ).rejects.toMatchObject({ code: 'USAGE' });
    }
    expect(readFileSync(at('disk.raw')).equals(before)).toBe(true);
  });

  test('refuses for a cloud a disk without a kernel', async () => {
    await writeDisk(planDisk({ rofs }), at('direct.raw'), { format: 'raw', contents });
    for (const name of ['disk.ova', 'disk.tar.gz']) {
      await expect(
        convertDisk(store, at('direct.raw'), parseDiskOutput(at(name))),
      ).rejects.toMatchObject({ code: 'USAGE', hint: 'build with --boot bios' });
    }
  });

  test('refuses what only holds a disk', async () => {
    await rawDisk();
    for (const name of ['disk.ova', 'disk.tar.gz']) {
      await convertDisk(store, at('disk.raw'), parseDiskOutput(at(name)));
      await expect(
        convertDisk(store, at(name), parseDiskOutput(at('back.raw'))),
      ).rejects.toMatchObject({ code: 'DISK_UNSUPPORTED' });
    }
  });

  test('leaves nothing when it is stopped', async () => {
    await rawDisk();
    const stop = new AbortController();
    const reason = new Error('enough');
    const converted = convertDisk(store, at('disk.raw'), parseDiskOutput(at('disk.vmdk')), {
      signal: stop.signal,
      onEvent: () => stop.abort(reason),
    });
    await expect(converted).rejects.toBe(reason);
    expect(readdirSync(at('.'))).toEqual(['disk.raw']);
  });
});

describe('convertDisk to a containerDisk', () => {
  const name = 'registry.example.com/web-disk:1';

  test('makes an image with the disk where KubeVirt looks for it, the same each time', async () => {
    await rawDisk();
    const [first, second] = [
      await convertDisk(store, at('disk.raw'), parseDiskOutput(`store:${name}`)),
      await convertDisk(store, at('disk.raw'), parseDiskOutput(`store:${name}`)),
    ];
    expect(first).toEqual(second);
    expect(first.to).toMatchObject({ output: `store:${name}`, format: 'containerdisk' });
    const ref = await store.refs.get(name);
    if (ref === undefined) throw new Error('the name is in the store');
    expect(ref.digest).toBe(first.to.digest);
    const manifest = JSON.parse(Buffer.from(await store.blobs.read(ref.digest, 9999)).toString());
    const layer = await store.blobs.read(parseDiffID(manifest.layers[0].digest), 2 ** 24);
    const entries = readTar(layer);
    expect(entries).toMatchObject([
      { kind: 'directory', path: 'disk', uid: 107, gid: 107, mode: 0o555 },
      { kind: 'file', path: 'disk/disk.qcow2', uid: 107, gid: 107, mode: 0o440, mtime: 0 },
    ]);
    writeFileSync(at('layer.tar'), layer);
    spawnSync('tar', ['-xf', at('layer.tar'), '-C', at('.')]);
    copyFileSync(at('disk/disk.qcow2'), at('out.qcow2'));
    expect(readFileSync(at('disk.raw')).equals(await bytesOf(at('out.qcow2')))).toBe(true);
    // Of clusters that are compressed.
    expect(layer.length).toBeLessThan(600_000);
  });

  test('makes it for the platform of the report', async () => {
    const report = reportOf(await rawDisk());
    const image = { ...report.image, platform: 'linux/arm64/v8' };
    await writeReport({ ...report, image }, at('disk.raw.json'));
    await convertDisk(store, at('disk.raw'), parseDiskOutput('store:arm'));
    const ref = await store.refs.get('docker.io/library/arm:latest');
    expect(ref?.platform).toEqual({ os: 'linux', architecture: 'arm64' });
  });

  test('makes an image that skopeo reads', async (context) => {
    const skopeo = findProgram('skopeo');
    // The set-up installs it where it may; who may not install can run all other tests.
    if (skopeo === undefined) return context.skip('skopeo is not installed');
    await rawDisk();
    const { to } = await convertDisk(store, at('disk.raw'), parseDiskOutput(`store:${name}`));
    const image = `oci:${store.path}:${name}`;
    const inspected = spawnSync(skopeo, ['inspect', image], { encoding: 'utf8' });
    expect(inspected.stderr).toBe('');
    expect(JSON.parse(inspected.stdout)).toMatchObject({
      Digest: to.digest,
      Architecture: 'amd64',
      Os: 'linux',
    });
  });
});

const { qemu, gcc } = probeTools();
const absent = Object.entries({ 'qemu-system-x86_64': qemu, gcc }).flatMap(([tool, found]) =>
  found === undefined ? [tool] : [],
);
if (absent.length > 0) console.log(`skipped: booting formats, for want of ${absent.join(', ')}`);

describe.skipIf(absent.length > 0)('a disk that was converted', () => {
  test('boots as the raw disk does', async () => {
    const loader = readFileSync(await buildProbe(at('probe')));
    await writeDisk(diskOf(loader), at('disk.raw'), { format: 'raw', contents });
    const expected = await bootProbe(at('disk.raw'), { format: 'raw' });
    expect(expected.entries.map(({ path }) => path)).toEqual(['/', '/app.dll', '/zeros']);
    const formats: readonly (readonly [DiskFormat, ProbedFormat, 'zlib'?])[] = [
      ['qcow2', 'qcow2', 'zlib'],
      ['vmdk', 'vmdk'],
      ['vdi', 'vdi'],
      ['vhd', 'vpc'],
      ['vhd-dynamic', 'vpc'],
    ];
    for (const [format, probed, compression] of formats) {
      const options = compression ? { compression } : {};
      await convertDisk(store, at('disk.raw'), parseDiskOutput(at(format), format), options);
      expect((await bootProbe(at(format), { format: probed })).text).toBe(expected.text);
    }
  });
});

describe('osv-convert convert-disk', () => {
  test('tells what its schema describes, and what went wrong', async () => {
    const size = await rawDisk();
    const cli = (...words: string[]) => runCli([...words, '--store', join(folder, 'store')]);
    const converted = await cli('convert-disk', at('disk.raw'), at('disk.vmdk'), '--json');
    expect(converted).toMatchObject({ code: 0, stderr: '' });
    const told = JSON.parse(converted.stdout);
    expect((await createValidator('convert-disk'))(told)).toBeUndefined();
    expect(told.from.size).toBe(size);
    const words = ['--compress', 'zlib', '--format', 'vdi'];
    const refused = await cli('convert-disk', at('disk.raw'), at('disk.vdi'), ...words);
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toContain('--compress');
  });
});
