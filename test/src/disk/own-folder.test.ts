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

let top: string;
let path: string;

beforeEach(async () => {
  top = await mkdtemp(join(tmpdir(), 'osv-convert-own-folder-'));
  path = join(top, 'cache/things');
});

afterEach(() => rm(top, { recursive: true, force: true }));

const open = (): void => openOwnFolder({ path, name: 'the things', kept: /\.thing$/ });

const modeOf = async (folder: string): Promise<number> => (await stat(folder)).mode & 0o7777;

describe('openOwnFolder', () => {
  it('makes a folder and those on the way to it, for one user only', async () => {
    open();
    expect(await modeOf(path)).toBe(0o700);
    expect(await modeOf(join(top, 'cache'))).toBe(0o700);
  });

  it('leaves a folder as it is where nobody else could enter', async () => {
    await mkdir(path, { recursive: true });
    await writeFile(join(path, 'a.thing'), 'a');
    await chmod(path, 0o500);
    open();
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
    open();
    expect([await modeOf(path), await readdir(path)]).toEqual([0o700, ['something']]);
    expect(await readFile(join(top, 'elsewhere'), 'utf8')).toBe('of others');
    await writeFile(join(path, 'b.thing'), 'b');
    open();
    expect(await readdir(path)).toEqual(['b.thing', 'something']);
  });

  it.skipIf(process.getuid?.() !== 0)('refuses a folder of another user', async () => {
    await mkdir(path, { recursive: true });
    await writeFile(join(path, 'a.thing'), 'a');
    await chmod(path, 0o777);
    await chown(path, 65534, 65534);
    expect(open).toThrow(
      expect.objectContaining({
        code: 'OUTPUT_UNUSABLE',
        message: `opening the things ${path}: found a folder of user 65534, wanted one of user 0`,
        hint: `ls -ld ${path}`,
      }),
    );
    expect([await modeOf(path), await readdir(path)]).toEqual([0o777, ['a.thing']]);
  });

  it.each([
    ['in its place', 'cache/things'],
    ['on the way to it', 'cache'],
  ])('refuses a folder where a file is %s', async (_, file) => {
    await mkdir(dirname(join(top, file)), { recursive: true });
    await writeFile(join(top, file), '');
    expect(open).toThrow(
      expect.objectContaining({
        code: 'OUTPUT_UNUSABLE',
        message: `opening the things ${path}: found a file there, or on the way to it, wanted a folder that this user can write to`,
      }),
    );
  });
});
