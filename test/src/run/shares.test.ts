import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dryRunOf } from '../../../src/run/dry-run.ts';
import { firecrackerConfig } from '../../../src/run/firecracker-config.ts';
import type { Machine } from '../../../src/run/machine.ts';
import { startQemu } from '../../../src/run/qemu.ts';
import { qemuArguments } from '../../../src/run/qemu-arguments.ts';
import { serveShares } from '../../../src/run/share-servers.ts';
import { findVirtiofsd, virtiofsdCommand } from '../../../src/run/virtiofsd.ts';
import { writeProgram } from '../../support/write-program.ts';

const machine: Machine = {
  architecture: 'x86_64',
  disk: { path: '/disks/hello.img', format: 'raw' },
  disks: [{ path: '/disks/data.ext4', format: 'raw' }],
  shares: [
    { folder: '/srv/a', socket: '/run/x/share0.socket' },
    { folder: '/srv/b', socket: '/run/x/share,1.socket' },
  ],
  boot: { kind: 'direct', kernel: '/kernel.elf', commandLine: '/app/hello' },
  memory: 512,
  cpus: 1,
  accelerator: 'tcg',
  networks: [],
};

describe('qemuArguments of a machine with shares', () => {
  it('shares the memory of the guest, and connects a device to each server, in their order', () => {
    const words = qemuArguments(machine).join(' ');
    expect(words).toContain(
      '-m 512 -object memory-backend-memfd,id=memory,size=512M,share=on -machine memory-backend=memory ',
    );
    expect(words).toContain(
      '-device virtio-blk-pci,drive=data0 ' +
        '-chardev socket,id=share0,path=/run/x/share0.socket ' +
        '-device vhost-user-fs-pci,chardev=share0,tag=share0 ' +
        '-chardev socket,id=share1,path=/run/x/share,,1.socket ' +
        '-device vhost-user-fs-pci,chardev=share1,tag=share1 -nic none',
    );
  });
});

describe('dryRunOf', () => {
  it('refuses shares, without whose servers the command would fail', () => {
    expect(() => dryRunOf(machine, 'qemu')).toThrow(
      expect.objectContaining({ code: 'USAGE', message: expect.stringContaining('found a share') }),
    );
  });
});

describe('firecrackerConfig', () => {
  it('refuses shares, which Firecracker has not', () => {
    expect(() => firecrackerConfig(machine)).toThrow(
      expect.objectContaining({ code: 'USAGE', message: expect.stringContaining('found shares') }),
    );
  });
});

describe('virtiofsdCommand', () => {
  const share = { folder: '/srv/a,b\\c', socket: '/run/s' };

  it("gives QEMU's server a mount that is read-only, for it has no option", () => {
    const words = virtiofsdCommand(
      { program: '/virtiofsd', flavour: 'qemu' },
      { ...share, socket: '/run/s,\\' },
    );
    expect(words.slice(0, 5)).toEqual(['unshare', '--mount', '--', 'sh', '-c']);
    expect(words[5]).toContain('mount -o remount,bind,ro -- "$2"');
    expect(words.slice(6)).toEqual([
      ...['sh', '/srv/a,b\\c', '/run/s,\\.folder', '/virtiofsd', '--socket-path=/run/s,\\'],
      ...['-o', 'source=/run/s\\,\\\\.folder', '-o', 'cache=none'],
    ]);
  });

  it('tells the one in Rust to share read-only', () => {
    expect(virtiofsdCommand({ program: '/virtiofsd', flavour: 'rust' }, share)).toEqual([
      ...['/virtiofsd', '--socket-path=/run/s', '--shared-dir=/srv/a,b\\c'],
      ...['--sandbox=none', '--cache=never', '--readonly'],
    ]);
  });
});

const isRoot = process.getuid?.() === 0;
const hasQemus = isRoot && (await isListed('/usr/lib/qemu', 'virtiofsd'));
if (!hasQemus) {
  console.log("skipped: a share of QEMU's virtiofsd, for it is absent or this is not root");
}

describe('serveShares', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'osv-convert-shares-test-'));
    await mkdir(join(folder, 'bin'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  /** A virtiofsd of the kind whose help this is, which then does what `script` says. */
  const program = async (help: string, script: string): Promise<NodeJS.ProcessEnv> => {
    const text = `#!/bin/sh\nif [ "$1" = --help ]; then echo '${help}'; exit; fi\n${script}\n`;
    writeProgram(join(folder, 'bin/virtiofsd'), text);
    return { ...process.env, PATH: `${join(folder, 'bin')}:${process.env['PATH']}` };
  };
  const served = [{ folder: '/srv/a', socket: 'share0.socket' }];
  const rust = '--shared-dir <dir> --readonly';

  it('ends the machine when a server is gone, for its guest would wait for ever', async () => {
    const env = await program(rust, "echo 'Waiting for vhost-user socket connection...' >&2");
    writeProgram(join(folder, 'bin/qemu-system-x86_64'), '#!/bin/sh\nexec sleep 600\n');
    const vmm = await startQemu({ ...machine, shares: served }, env);
    const exit = await vmm.process.ended;
    expect(vmm.failure(exit)).toMatchObject({
      code: 'QEMU_FAILED',
      message: 'sharing /srv/a: found that its virtiofsd ended, wanted it as long as the machine',
    });
    await vmm.dispose();
  });

  it("refuses QEMU's server to all but root, who alone may run it", async () => {
    const env = await program('-o source=PATH', 'exit 1');
    await expect(serveShares(served, env, false)).rejects.toMatchObject({
      code: 'QEMU_FAILED',
      message: expect.stringContaining('which runs as root only'),
    });
  });

  it('takes the first that this user may run', async () => {
    const later = join(folder, 'later');
    await mkdir(later);
    writeProgram(join(later, 'virtiofsd'), `#!/bin/sh\necho '${rust}'\n`);
    const { PATH } = await program('-o source=PATH', 'exit 1');
    const env = { PATH: `${PATH}:${later}` };
    const found = { program: join(later, 'virtiofsd'), flavour: 'rust' };
    expect(findVirtiofsd(env, false)).toEqual(found);
    expect(findVirtiofsd(env, true)).toMatchObject({ flavour: 'qemu' });
  });

  it('refuses one that cannot share read-only', async () => {
    const env = await program('--shared-dir <dir>', 'exit 1');
    await expect(serveShares(served, env, false)).rejects.toMatchObject({
      message: expect.stringContaining('without the option --readonly'),
    });
  });

  it('says what a server said that does not listen', async () => {
    const env = await program(rust, 'echo "no such folder" >&2; exit 1');
    await expect(serveShares(served, env)).rejects.toMatchObject({
      code: 'QEMU_FAILED',
      message: expect.stringContaining('does not serve /srv/a: no such folder'),
    });
  });

  it('refuses a socket whose path is no address', async () => {
    const env = await program(rust, 'exit 1');
    const deep = join(folder, 'x'.repeat(60));
    await mkdir(deep);
    const before = process.env['TMPDIR'];
    process.env['TMPDIR'] = deep;
    try {
      await expect(serveShares(served, env)).rejects.toMatchObject({
        code: 'QEMU_FAILED',
        message: expect.stringMatching(
          / found a socket with a path of 1\d\d bytes .*, wanted at most 107$/,
        ),
        hint: expect.stringContaining('TMPDIR'),
      });
    } finally {
      if (before === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = before;
    }
    expect(await readdir(deep)).toEqual([]);
  });

  it('waits until each listens, and ends those that are left', async () => {
    const script = `echo $$ > '${folder}'/pid; echo 'Waiting for vhost-user socket connection...' >&2; exec sleep 600`;
    const { shares, dispose } = await serveShares(served, await program(rust, script));
    expect(shares).toEqual([
      {
        folder: '/srv/a',
        socket: expect.stringMatching(/\/osv-convert-[\w-]+\/share0\.socket$/),
      },
    ]);
    const pid = Number(await readFile(join(folder, 'pid'), 'utf8'));
    expect(process.kill(pid, 0)).toBe(true);
    await dispose();
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    await expect(readdir(join(shares[0]?.socket ?? '', '..'))).rejects.toThrow('ENOENT');
  });

  it.skipIf(!hasQemus).each([
    ['a folder', () => folder],
    ['the folder of its own socket', tmpdir],
    ['the root', () => '/'],
  ])("serves %s by QEMU's virtiofsd, and leaves nothing behind", async (_, source) => {
    const before = await readdir('/var/run/virtiofsd').catch(() => []);
    const share = { folder: source(), socket: 'a' };
    const { shares, dispose } = await serveShares([share], process.env);
    const socket = connect(shares[0]?.socket ?? '');
    await new Promise((resolve, reject) => {
      socket.once('connect', resolve).once('error', reject);
    });
    socket.destroy();
    await dispose();
    expect(await readdir('/var/run/virtiofsd').catch(() => [])).toEqual(before);
    await expect(readdir(dirname(shares[0]?.socket ?? ''))).rejects.toThrow('ENOENT');
  });
});

async function isListed(folder: string, name: string): Promise<boolean> {
  const names: readonly string[] = await readdir(folder).catch(() => []);
  return names.includes(name);
}
