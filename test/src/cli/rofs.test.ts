import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { createValidator } from '../../../schemas/index.ts';
import { planRofs } from '../../../src/rofs/plan.ts';
import { directory, fileOfBytes, symlink } from '../../../src/tree/nodes.ts';
import type { Node } from '../../../src/tree/tree.ts';
import { type CliResult, runCli } from '../../support/cli.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { imageOf } from '../rofs/image.ts';

const folder = temporaryFolder('cli-rofs');
const at = (name: string): string => join(folder, name);
const app = fileOfBytes(Buffer.alloc(700, 'app'));
const copy = fileOfBytes(Buffer.alloc(700, 'app'));
const root = directory(
  new Map<string, Node>([
    ['app', directory(new Map([['tool', app]]))],
    ['copy', copy],
    ['link', symlink('/app')],
    ['t\udcff\u001b', fileOfBytes(Buffer.from('odd\n'))],
  ]),
);

beforeAll(async () => {
  const image = imageOf(planRofs({ root }));
  await writeFile(at('sound.rofs'), image);
});

async function rofs(...args: readonly string[]): Promise<CliResult> {
  return await runCli(['--store', at('store'), 'rofs', ...args], { cwd: folder });
}

async function json(schema: string, ...args: readonly string[]) {
  const { stdout, code } = await rofs(...args, '--json');
  const value = JSON.parse(stdout);
  expect((await createValidator(schema))(value)).toBeUndefined();
  return { value, code };
}

describe('osv-convert rofs', () => {
  test('fsck says that a ROFS is sound, and what is wrong with one that is not', async () => {
    expect(await rofs('fsck', 'sound.rofs')).toEqual({
      code: 0,
      stdout: 'sound.rofs: a ROFS, sound\n',
      stderr: '',
    });
    const image = await readFile(at('sound.rofs'));
    const info = Number(image.readBigUInt64LE(24)) * 512;
    image.writeBigUInt64LE(99n, info);
    await writeFile(at('broken.rofs'), image);
    const { code, stdout } = await rofs('fsck', 'broken.rofs');
    expect(code).toBe(6);
    expect(stdout).toContain(`error   entry-inode at 0x${info.toString(16)}: found an entry for`);
    expect(stdout).toMatch(/\nbroken\.rofs: a ROFS, \d errors?, \d warnings?\n$/);
    const sound = await json('rofs-fsck', 'fsck', 'sound.rofs');
    expect(sound).toMatchObject({ code: 0, value: { kind: 'rofs', errors: 0, findings: [] } });
    const broken = await json('rofs-fsck', 'fsck', 'broken.rofs');
    expect(broken.code).toBe(6);
    expect(broken.value.findings[0]).toMatchObject({ rule: 'entry-inode', offset: info });
  });

  test('fsck looks at files that are no disk', async () => {
    await writeFile(at('text'), 'no disk');
    const { code, stdout } = await rofs('fsck', 'text');
    expect(code).toBe(6);
    expect(stdout).toContain('error   boot-signature at 0x1fe: found 7 bytes');
    expect((await rofs('fsck', 'missing.raw')).code).toBe(2);
  });

  test('ls tells inodes, blocks and sizes, names that cannot be shown as they may be typed', async () => {
    const { stdout } = await rofs('ls', 'sound.rofs');
    expect(stdout.split('\n').map((line) => line.trim().replace(/ +/g, ' '))).toEqual([
      '2 d - 1 app',
      '4 - 1 700 copy',
      '5 l - - link -> /app',
      '6 - 3 4 t\\xff\\x1b',
      '',
    ]);
    expect((await rofs('cat', 'sound.rofs', '/t\\xff\\x1b')).stdout).toBe('odd\n');
    const { value } = await json('rofs-ls', 'ls', 'sound.rofs', '/app');
    expect(value.nodes).toEqual([{ name: 'tool', inode: 3, kind: 'file', block: 1, size: 700 }]);
    expect((await rofs('ls', 'sound.rofs', 'copy')).stdout).toMatch(/ 4 - +1 +700 copy\n$/);
  });

  test('cat prints a file, follows no link, and says what is not there', async () => {
    expect((await rofs('cat', 'sound.rofs', '/app/tool')).stdout).toBe(
      Buffer.alloc(700, 'app').toString(),
    );
    const folderCat = await rofs('cat', 'sound.rofs', '/app');
    expect(folderCat).toMatchObject({ code: 3, stdout: '' });
    expect((await rofs('cat', 'sound.rofs', '/link/tool')).stderr).toContain('PATH_NOT_FOUND');
  });

  test('dump prints every record with its offset', async () => {
    const { stdout } = await rofs('dump', 'sound.rofs');
    const lines = stdout.trimEnd().split('\n');
    expect(lines[0]).toMatch(/^ +0x0 superblock: magic 0xdeadbead version 1 block-size 512 /);
    expect(lines).toHaveLength(1 + 5 + 1 + 6);
    expect(lines.at(-1)).toMatch(/inode 6: file mode 0x8000 number 6 start 3 count 4$/);
    const { value } = await json('rofs-dump', 'dump', 'sound.rofs');
    expect(value.records).toHaveLength(lines.length);
  });

  test('stat tells what equal files save, and what an inode says', async () => {
    const { stdout } = await rofs('stat', 'sound.rofs');
    expect(stdout).toContain('shared   1024 bytes (1.0 KiB) more');
    const { value } = await json('rofs-stat', 'stat', 'sound.rofs');
    expect(value).toMatchObject({
      files: 3,
      directories: 2,
      symlinks: 1,
      names: 5,
      sharedSize: 1024,
    });
    expect((await rofs('stat', 'sound.rofs', '/copy')).stdout).toContain(
      'data     700 bytes from block 1 on',
    );
    expect((await json('rofs-stat', 'stat', 'sound.rofs', '/link')).value).toMatchObject({
      kind: 'symlink',
      target: '/app',
    });
  });
});
