import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { symlink } from '../../../src/tree/nodes.ts';
import {
  device,
  folder,
  modeOf,
  out,
  parent,
  statOf,
  text,
  treeOf,
  write,
} from './written-folder.ts';

const isThere = spawnSync('setfattr', ['--version']).status === 0;
if (!isThere) console.log("skipped: extended attributes, for want of Debian's package attr");

describe('writeFolder keeps owners', () => {
  const { PATH } = process.env;
  afterEach(() => {
    process.env['PATH'] = PATH;
  });

  const base64 = (value: string) => Buffer.from(value).toString('base64');
  const owned = { uid: 1654, gid: 0 };

  it.runIf(isThere)('and what users may set, in extended attributes', async () => {
    const shared = text('x', { ...owned, mode: 0o400 });
    const tree = treeOf({
      'a\n=\udcff': text('x', { uid: 0, gid: 300, mode: 0 }),
      app: folder({ one: shared, two: shared }, { ...owned, mode: 0o500, mtime: 7 }),
      noted: text('x', { xattrs: { 'user.note': base64('a"\n'), 'user.empty': '' } }),
      null: device('character'),
      plain: text('x'),
    });
    expect((await write(tree)).length).toBe(1);
    const { stdout } = spawnSync('getfattr', ['-R', '-d', '-m', '-', '-e', 'hex', '.'], {
      cwd: out,
      encoding: 'latin1',
    });
    const blocks = stdout.trim().split('\n\n').sort();
    expect(blocks).toEqual([
      '# file: a\\012=\xff\nuser.rootlesscontainers=0x08ffffffff0f10ac02',
      '# file: app\nuser.rootlesscontainers=0x08f60c10ffffffff0f',
      '# file: app/one\nuser.rootlesscontainers=0x08f60c10ffffffff0f',
      '# file: app/two\nuser.rootlesscontainers=0x08f60c10ffffffff0f',
      '# file: noted\nuser.empty=0x\nuser.note=0x61220a',
      '# file: null\nuser.rootlesscontainers=0x08ffffffff0f1005',
    ]);
    expect([modeOf('app'), modeOf('app/one'), modeOf('a\n=\udcff')]).toEqual([0o500, 0o400, 0]);
    expect(statOf('app').mtimeNs).toBe(7_000_000_000n);
  });

  it.runIf(isThere)('of more folders than it holds open at one time', async () => {
    const entries = Array.from({ length: 150 }, (_, number) => {
      return [`d${number}`, folder({ f: text('x', owned) }, owned)] as const;
    });
    await write(treeOf(Object.fromEntries(entries)));
    const { stdout } = spawnSync('getfattr', ['-R', '-d', '-m', '-', '.'], { cwd: out });
    expect(stdout.toString().match(/rootlesscontainers=/g)?.length).toBe(300);
  });

  it('where setfattr is, and says so where it is not', async () => {
    process.env['PATH'] = parent;
    const warnings = await write(treeOf({ a: text('x', owned), b: folder({}, owned) }));
    expect(warnings).toEqual([
      'owners and extended attributes are not kept (2): found no setfattr; apt-get install attr',
    ]);
  });

  it('of no link, and says so', async () => {
    const warnings = await write(
      treeOf({ link: { ...symlink('x'), uid: 5 }, file: text('x', { uid: 2 ** 32 }) }),
    );
    expect(warnings.join()).toContain('symbolic links and above 32 bits (2)');
  });

  it('but nothing that only root may set, and says what', async () => {
    const xattrs = { 'security.capability': 'AA==', 'user.rootlesscontainers': 'AA==' };
    const warnings = await write(treeOf({ a: text('x', { xattrs }), b: text('y', { xattrs }) }));
    expect(warnings.join()).toContain('security.capability (2), user.rootlesscontainers (2)');
  });

  it.runIf(isThere)('as far as the file system takes them, and says what it does not', async () => {
    const xattrs = { 'user.big': Buffer.alloc(70_000).toString('base64'), 'user.ok': base64('1') };
    const warnings = await write(treeOf({ a: text('x', { xattrs }) }));
    expect(warnings.join()).toMatch(/setfattr failed with .+ \(1\)$/);
    const { stdout } = spawnSync('getfattr', ['-d', join(out, 'a')], { encoding: 'utf8' });
    expect(stdout).toContain('user.ok="1"');
  });
});
