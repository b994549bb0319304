import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openOwnFolder } from '../../../src/disk/own-folder.ts';
import { nodeFiles, withLock } from '../../../store/processes.ts';

let top: string;
let path: string;

beforeEach(async () => {
  top = await mkdtemp(join(tmpdir(), 'osv-convert-own-folder-'));
  path = join(top, 'cache/things');
});

afterEach(() => rm(top, { recursive: true, force: true }));

const open = (): Promise<void> => openOwnFolder({ path, name: 'the things', kept: /\.thing$/ });

const modeOf = async (folder: string): Promise<number> => (await stat(folder)).mode & 0o7777;

describe('openOwnFolder', () => {
  it('makes a folder and those on the way to it, for one user only', async () => {
    await open();
    expect(await modeOf(path)).toBe(0o700);
    expect(await modeOf(join(top, 'cache'))).toBe(0o700);
  });

  it('leaves a folder as it is where nobody else could enter', async () => {
    await mkdir(path, { recursive: true });
    await writeFile(join(path, 'a.thing'), 'a');
    await chmod(path, 0o500);
    await open();
    expect([await modeOf(path), await readdir(path)]).toEqual([0o500, ['a.thing']]);
    await chmod(path, 0o700);
  });

  it.each([
    ['others could read', 0o755],
    ['others could write', 0o777],
    ['a group could write', 0o720],
    ['others could only pass', 0o701],
    ['another process was not done with closing it', 0o1700],
  ])('closes a folder and removes what is kept in it where %s', async (_, mode) => {
    await mkdir(join(path, 'folder.thing/inner'), { recursive: true });
    await writeFile(join(top, 'elsewhere'), 'of others');
    for (const name of ['a.thing', 'something']) await writeFile(join(path, name), name);
    await symlink(join(top, 'elsewhere'), join(path, 'link.thing'));
    await symlink(join(top, 'nowhere'), join(path, 'dangling.thing'));
    await chmod(path, mode);
    await open();
    expect([await modeOf(path), await readdir(path)]).toEqual([0o700, ['something']]);
    expect(await readFile(join(top, 'elsewhere'), 'utf8')).toBe('of others');
    await writeFile(join(path, 'b.thing'), 'b');
    await open();
    expect(await readdir(path)).toEqual(['b.thing', 'something']);
  });

  it('leaves what was put into a folder since another process closed it', async () => {
    await mkdir(path, { recursive: true, mode: 0o777 });
    await chmod(path, 0o777);
    await writeFile(join(path, 'a.thing'), 'a');
    let late: Promise<void> | undefined;
    await withLock(nodeFiles, join(path, 'closing.lock'), async () => {
      // It finds the folder open, and has to wait.
      late = open();
      await chmod(path, 0o700);
      await rm(join(path, 'a.thing'));
      await writeFile(join(path, 'b.thing'), 'b');
    });
    await late;
    expect([await modeOf(path), await readdir(path)]).toEqual([0o700, ['b.thing']]);
  });

  it('loses nothing of those who open it at once', async () => {
    await mkdir(path, { recursive: true });
    await chmod(path, 0o777);
    await writeFile(join(path, 'old.thing'), '');
    const names = Array.from({ length: 8 }, (_, index) => `${index}.thing`);
    await Promise.all(
      names.map(async (name) => {
        await open();
        await writeFile(join(path, name), name);
      }),
    );
    expect(await readdir(path)).toEqual(names);
  });

  it.skipIf(process.getuid?.() !== 0)('refuses a folder of another user', async () => {
    await mkdir(path, { recursive: true });
    await writeFile(join(path, 'a.thing'), 'a');
    await chmod(path, 0o777);
    await chown(path, 65534, 65534);
    await expect(open()).rejects.toMatchObject({
      code: 'OUTPUT_UNUSABLE',
      message: `opening the things ${path}: found a folder of user 65534, wanted one of user 0`,
      hint: `ls -ld ${path}`,
    });
    expect([await modeOf(path), await readdir(path)]).toEqual([0o777, ['a.thing']]);
  });

  it.each([
    ['in its place', 'cache/things'],
    ['on the way to it', 'cache'],
  ])('refuses a folder where a file is %s', async (_, file) => {
    await mkdir(dirname(join(top, file)), { recursive: true });
    await writeFile(join(top, file), '');
    await expect(open()).rejects.toMatchObject({
      code: 'OUTPUT_UNUSABLE',
      message: `opening the things ${path}: found a file there, or on the way to it, wanted a folder that this user can write to`,
    });
  });
});
