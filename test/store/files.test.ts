import { Buffer } from 'node:buffer';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { nodeFiles } from '../../store/files/node.ts';
import { createMemoryFiles, type Files } from '../../store/index.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const root = temporaryFolder('files');

let count = 0;

/** An empty folder. */
function createDisk(): [Files, string] {
  count += 1;
  const dir = join(root, String(count));
  nodeFiles.makeFolder(dir);
  return [nodeFiles, dir];
}

function createMemory(): [Files, string] {
  const files = createMemoryFiles();
  files.makeFolder('/memory');
  return [files, '/memory'];
}

describe.each([
  ['on disk', createDisk],
  ['in memory', createMemory],
] as const)('files %s', (_, createGround) => {
  let files: Files = nodeFiles;
  let at = (name: string): string => name;
  beforeEach(() => {
    const [ground, dir] = createGround();
    files = ground;
    at = (name) => join(dir, name);
  });

  const write = (path: string, text: string) => {
    const file = files.create(path);
    file.write(Buffer.from(text), 0);
    file.close();
  };
  const read = (path: string) => {
    const bytes = files.readWhole(path);
    return bytes && Buffer.from(bytes).toString();
  };
  const code = (wanted: string) => expect.objectContaining({ code: wanted });
  const names = (path: string) => files.list(path)?.map(({ name, kind }) => `${name} ${kind}`);

  test('create makes a file, and fails where there is one or no folder', () => {
    write(at('a'), 'one');
    expect(read(at('a'))).toBe('one');
    expect(() => files.create(at('a'))).toThrow(code('EEXIST'));
    expect(() => files.create(at('no/a'))).toThrow(code('ENOENT'));
    expect(() => files.create(at('a/b'))).toThrow(code('ENOTDIR'));
  });

  test('update keeps what a file says, and makes one where there is none', () => {
    write(at('a'), 'one');
    const file = files.update(at('a'));
    file.write(Buffer.from('e and'), 2);
    const target = Buffer.alloc(9);
    expect([file.size(), file.read(target, 1)]).toEqual([7, 6]);
    expect(target.toString('latin1', 0, 6)).toBe('ne and');
    file.close();
    files.update(at('b')).close();
    expect(read(at('b'))).toBe('');
  });

  test('write behind the end, and truncate, leave zeros', () => {
    const file = files.create(at('a'));
    file.write(Buffer.from('abc'), 0);
    file.truncate(1);
    file.truncate(2);
    file.write(Buffer.from('z'), 4);
    file.close();
    expect(read(at('a'))).toBe('a\0\0\0z');
  });

  test('rename lets the file at the target give way, in one step', () => {
    write(at('a'), 'new');
    write(at('b'), 'old');
    const old = files.open(at('b'));
    expect(files.rename(at('a'), at('b'))).toBe(true);
    expect([read(at('a')), read(at('b'))]).toEqual([undefined, 'new']);
    const target = Buffer.alloc(3);
    old?.read(target, 0);
    old?.close();
    expect(target.toString()).toBe('old');
    expect(files.rename(at('a'), at('b'))).toBe(false);
    expect(files.rename(at('b'), at('no/b'))).toBe(false);
  });

  test('rename leaves both names of one file, and moves folders only onto empty ones', () => {
    write(at('a'), 'a');
    expect(files.link(at('a'), at('b'))).toBe('made');
    expect(files.rename(at('a'), at('b'))).toBe(true);
    expect(names(at('.'))?.sort()).toEqual(['a file', 'b file']);
    for (const folder of ['one', 'two', 'full']) files.makeFolder(at(folder));
    write(at('full/x'), 'x');
    expect(files.rename(at('one'), at('two'))).toBe(true);
    expect(() => files.rename(at('two'), at('full'))).toThrow(code('ENOTEMPTY'));
    expect(() => files.rename(at('a'), at('two'))).toThrow(code('EISDIR'));
    expect(() => files.rename(at('two'), at('a'))).toThrow(code('ENOTDIR'));
  });

  test('remove leaves an open file readable and writable until it is closed', () => {
    const file = files.create(at('a'));
    expect(files.remove(at('a'))).toBe(true);
    expect(files.remove(at('a'))).toBe(false);
    file.write(Buffer.from('x'), 0);
    expect(file.size()).toBe(1);
    file.close();
    expect(names(at('.'))).toEqual([]);
    files.makeFolder(at('folder'));
    expect(() => files.remove(at('folder'))).toThrow(code('EISDIR'));
  });

  test('link gives a file a second name, and counts', () => {
    write(at('a'), 'a');
    expect(files.link(at('a'), at('b'))).toBe('made');
    expect(files.link(at('a'), at('b'))).toBe('present');
    expect(files.stat(at('b'))).toMatchObject({ links: 2, inode: files.stat(at('a'))?.inode });
    files.remove(at('a'));
    expect(files.stat(at('b'))).toMatchObject({ links: 1, size: 1, kind: 'file' });
    expect(() => files.link(at('no'), at('c'))).toThrow(code('ENOENT'));
  });

  test('symlink makes a link once, and readLink says where it leads', () => {
    expect(files.symlink('1 2 3', at('lock'))).toBe(true);
    expect(files.symlink('4 5 6', at('lock'))).toBe(false);
    expect(files.readLink(at('lock'))).toBe('1 2 3');
    expect(files.readLink(at('no'))).toBeUndefined();
    expect(files.stat(at('lock'))).toMatchObject({ kind: 'symlink', size: 5 });
    expect(files.readWhole(at('lock'))).toBeUndefined();
    write(at('a'), 'a');
    expect(() => files.readLink(at('a'))).toThrow(code('EINVAL'));
  });

  test('folders are made below folders, listed, and removed when they are empty', () => {
    expect(files.makeFolder(at('a/b'))).toBe('orphan');
    expect([files.makeFolder(at('a')), files.makeFolder(at('a'))]).toEqual(['made', 'present']);
    write(at('a/x'), 'x');
    expect(names(at('a'))).toEqual(['x file']);
    expect(files.removeFolder(at('a'))).toBe(false);
    files.remove(at('a/x'));
    expect([files.removeFolder(at('a')), files.removeFolder(at('a'))]).toEqual([true, false]);
    expect(files.list(at('a'))).toBeUndefined();
    write(at('f'), 'f');
    expect(() => files.list(at('f'))).toThrow(code('ENOTDIR'));
    expect(() => files.makeFolder(at('f/b'))).toThrow(code('ENOTDIR'));
  });

  test('what is not there is told as such, and a folder is no file', async () => {
    expect([files.stat(at('no')), files.open(at('no')), files.readWhole(at('no'))]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(() => files.touch(at('no'))).toThrow(code('ENOENT'));
    await expect(files.flushFolder(at('no'))).rejects.toEqual(code('ENOENT'));
    expect(() => files.readWhole(at('.'))).toThrow(code('EISDIR'));
  });
});
