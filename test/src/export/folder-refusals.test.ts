import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { symlink } from '../../../src/tree/nodes.ts';
import { snapshotOf } from '../../support/folder-snapshot.ts';
import { failure, folder, out, parent, text, treeOf } from './written-folder.ts';

describe('writeFolder refuses', () => {
  it.each(['', '.', '..', '/', 'a/b', '../x', '/etc', 'a\0b', '..\0'])(
    'the name %j and has then touched nothing',
    async (name) => {
      for (const node of [text('x'), folder({}), symlink('x'), folder({ f: text('y') })]) {
        for (const tree of [treeOf({ [name]: node }), treeOf({ a: folder({ [name]: node }) })]) {
          const before = snapshotOf(parent);
          const { code, message } = await failure(tree);
          expect(code).toBe('LAYER_CORRUPT');
          expect(message).toContain(`the name ${JSON.stringify(name)}`);
          expect(snapshotOf(parent)).toEqual(before);
        }
      }
    },
  );

  it.each([
    ['', '0 bytes'],
    ['a\0b', 'a NUL'],
    ['x'.repeat(4096), '4096 bytes'],
  ])('a link target that no link can have (%#)', async (target, found) => {
    const { code, message } = await failure(treeOf({ a: folder({ link: symlink(target) }) }));
    expect(code).toBe('LAYER_CORRUPT');
    expect(message).toContain('"/a/link"');
    expect(message).toContain(found);
  });

  it('a folder that has things in it', async () => {
    mkdirSync(out);
    writeFileSync(join(out, 'mine'), '');
    const { code, message } = await failure(treeOf({}));
    expect(code).toBe('OUTPUT_UNUSABLE');
    expect(message).toContain('a folder that has "mine" in it');
    expect(readdirSync(out)).toEqual(['mine']);
  });

  const made = (make: (path: string) => void, path: string): string => {
    make(path);
    return path;
  };

  it.each([
    ['a file', () => made((path) => writeFileSync(path, ''), out), 'a file there'],
    [
      'a link to nothing',
      () => made((path) => symlinkSync('nothing', path), out),
      'a link that leads nowhere',
    ],
    ['a parent that is not there', () => join(parent, 'no/out'), 'no folder'],
    [
      'a parent that is a file',
      () =>
        join(
          made((path) => writeFileSync(path, ''), join(parent, 'file')),
          'out',
        ),
      'a file there',
    ],
    ['a folder in /proc', () => '/proc/out', 'no folder /proc'],
    ['a mounted folder', () => '/dev/shm', ''],
    ['no name', () => '', 'without a name'],
  ])('%s', async (_what, place, found) => {
    const { code, message } = await failure(treeOf({ file: text('x') }), {}, place());
    expect(code).toBe('OUTPUT_UNUSABLE');
    expect(message).toContain(found);
  });
});
