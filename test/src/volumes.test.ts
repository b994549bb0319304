import { realpathSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { planData } from '../../src/volumes.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'osv-convert-volumes-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const at = (name: string): string => join(folder, name);
const mib = 2 ** 20;

/** A disk without a kernel, of which its report tells what it mounts. */
async function disk(mounts: string, volumes: unknown = []): Promise<string> {
  await writeFile(at('web.img'), Buffer.alloc(1024));
  const report = { disk: { boot: 'direct' }, commandLine: `${mounts} /app/hello !`, volumes };
  await writeFile(at('web.img.json'), JSON.stringify(report));
  return at('web.img');
}

const ext = '--mount-fs=ext,/dev/vblk1,/app/data';
const share = '--mount-fs=virtiofs,/dev/virtiofs0,/conf';

describe('planData', () => {
  it('brings nothing where the disk mounts nothing', async () => {
    expect(await planData(await disk('--rootfs=rofs'), {})).toEqual({ volumes: [], shares: [] });
  });

  it('makes a volume beside the disk with the size that was built in, or the one that is wished', async () => {
    const path = await disk(ext, [{ path: '/app/data', size: 64 * mib }]);
    const file = at('web.img-app-data.ext4');
    const made = (size: number) => ({ volumes: [{ path: '/app/data', file, size }], shares: [] });
    expect(await planData(path, {})).toEqual(made(64 * mib));
    const wish = { path: '/app/data', size: 8 * mib };
    expect(await planData(path, { volumes: [wish] })).toEqual(made(8 * mib));
  });

  it('takes the file that is there, whatever size was wished', async () => {
    const path = await disk(ext);
    await writeFile(at('web.img-app-data.ext4'), '');
    await writeFile(at('mine'), '');
    const beside = { path: '/app/data', file: at('web.img-app-data.ext4') };
    expect((await planData(path, {})).volumes).toEqual([beside]);
    const wish = { path: '/app/data', size: 8 * mib, file: at('mine') };
    const { volumes } = await planData(path, { volumes: [wish] });
    expect(volumes).toEqual([{ path: '/app/data', file: at('mine') }]);
  });

  it('names volumes of an image by the base it is given, and follows links as the build did', async () => {
    const wish = { path: '/link', size: 8 * mib };
    const { volumes } = await planData(await disk(ext), { volumes: [wish], base: at('shop') });
    const file = at('shop-app-data.ext4');
    expect(volumes).toEqual([{ path: '/app/data', file, size: 8 * mib }]);
  });

  it('makes no new disk of a name that is typed wrong, though a size was built in', async () => {
    const path = await disk(ext, [{ path: '/app/data', size: 64 * mib }]);
    const file = at('typo');
    await expect(planData(path, { volumes: [{ path: '/app/data', file }] })).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining(`found no file ${file}`),
      hint: `--volume 1G:${file}:/app/data`,
    });
  });

  it.each([
    ['no size', [], '--volume 1G:/app/data'],
    ['a size that is none', [{ path: '/app/data', size: -1 }], '--volume 1G:/app/data'],
    ['a report of something else', 'x', '--volume 1G:/app/data'],
  ])('asks for a size where the report has %s', async (_, volumes, hint) => {
    await expect(planData(await disk(ext, volumes), {})).rejects.toMatchObject({
      code: 'USAGE',
      hint,
    });
  });

  it('makes no more than 16G that only the disk asks for, and says how to ask', async () => {
    const path = await disk(ext, [{ path: '/app/data', size: 100 * 1024 * mib }]);
    await expect(planData(path, {})).rejects.toMatchObject({
      code: 'USAGE',
      hint: '--volume 100G:/app/data',
    });
    const wish = { path: '/app/data', size: 100 * 1024 * mib };
    expect((await planData(path, { volumes: [wish] })).volumes).toMatchObject([wish]);
  });

  it('takes no link beside the disk for a volume, unless it is named', async () => {
    const path = await disk(ext, [{ path: '/app/data', size: 8 * mib }]);
    const link = at('web.img-app-data.ext4');
    await writeFile(at('secret'), '');
    for (const target of ['secret', 'nothing']) {
      await rm(link, { force: true });
      await symlink(at(target), link);
      await expect(planData(path, {})).rejects.toMatchObject({
        code: 'OUTPUT_UNUSABLE',
        message: expect.stringContaining('found a link, folder or device'),
      });
    }
    await rm(link);
    await symlink(at('secret'), link);
    const { volumes } = await planData(path, { volumes: [{ path: '/app/data', file: link }] });
    expect(volumes).toEqual([{ path: '/app/data', file: link }]);
  });

  it('names no file by what a terminal would obey', async () => {
    const path = await disk('--mount-fs=ext,/dev/vblk1,/../a\u001b[2J\u202eb', [
      { path: '/../a\u001b[2J\u202eb', size: 8 * mib },
    ]);
    const { volumes } = await planData(path, {});
    expect(volumes[0]?.file).toBe(at('web.img-..-a-[2J-b.ext4'));
  });

  it('refuses a path that is too long for the name of a file', async () => {
    const path = `/${'a'.repeat(300)}`;
    const mount = `--mount-fs=ext,/dev/vblk1,${path}`;
    await expect(planData(await disk(mount, [{ path, size: 8 * mib }]), {})).rejects.toMatchObject({
      code: 'OUTPUT_UNUSABLE',
      message: expect.stringContaining('ENAMETOOLONG'),
    });
  });

  it.each([
    ['a second volume', `${ext} --mount-fs=ext,/dev/vblk2,/b`],
    ['a volume twice', `${ext} ${ext}`],
    ['the disk of the system as a volume', '--mount-fs=ext,/dev/vblk0,/b'],
    ['shares in another order', `${share.replace('fs0', 'fs1')} ${share.replace('conf', 'b')}`],
  ])('refuses a disk that mounts %s', async (_, mounts) => {
    const sizes = ['/app/data', '/b'].map((path) => ({ path, size: 8 * mib }));
    await expect(planData(await disk(mounts, sizes), {})).rejects.toMatchObject({
      code: 'DISK_UNSUPPORTED',
      message: expect.stringContaining('wanted at most one volume'),
    });
  });

  it('shows a folder of this host, also through a link, and asks for one that is missing', async () => {
    const path = await disk(share);
    await mkdir(at('conf'));
    await writeFile(at('file'), '');
    const wish = (name: string) => ({ shares: [{ path: '/conf', folder: at(name) }] });
    await symlink('conf', at('link'));
    for (const name of ['conf', 'link']) {
      expect((await planData(path, wish(name))).shares).toEqual([
        { folder: realpathSync(at('conf')), socket: 'share0.socket' },
      ]);
    }
    for (const wishes of [{}, wish('nothing'), wish('file'), wish('x'.repeat(300))]) {
      await expect(planData(path, wishes)).rejects.toMatchObject({
        code: 'USAGE',
        hint: '--share FOLDER:/conf',
      });
    }
  });

  it('refuses what the disk does not mount, and says what it does', async () => {
    const path = await disk(`${ext} ${share}`);
    await expect(planData(path, { volumes: [{ path: '/conf' }] })).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining('found that the disk mounts /app/data'),
      hint: `osv-convert build REF -o ${path} --volume /conf`,
    });
    await expect(planData(path, { shares: [{ path: '/x' }] })).rejects.toMatchObject({
      message: expect.stringContaining('found that the disk mounts /conf'),
    });
  });
});
