import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { requireNode, wrongNode } from '../../../src/cli/rofs/wanted-node.ts';
import { load } from '../../../src/copy/load.ts';
import { save } from '../../../src/copy/save.ts';
import { removeImages } from '../../../src/copy/stored-names.ts';
import { unlessMissing } from '../../../src/machines/record.ts';
import { parseLocation } from '../../../src/oci/location.ts';
import { openNodes } from '../../../src/rofs/nodes.ts';
import { planRofs } from '../../../src/rofs/plan.ts';
import { openSource } from '../../../src/source/open.ts';
import { parseRegistry } from '../../../src/source/registry/registry-name.ts';
import { directory, fileOfBytes } from '../../../src/tree/nodes.ts';
import { openStore, type Store } from '../../../store/index.ts';
import { archiveOf, ociMembers } from '../../support/archives.ts';
import { runCli } from '../../support/cli.ts';
import { buildImage } from '../../support/image.ts';
import { file } from '../../support/layers.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { accessOf, imageOf } from '../rofs/image.ts';

const folder = temporaryFolder('wrong-input');
const at = (name: string): string => join(folder, name);
const image = buildImage({ layers: [[file('a', 'b')]] });
let store: Store;

beforeAll(async () => {
  await mkdir(at('a folder'));
  await writeFile(at('file'), 'no disk');
  await writeFile(at('two.tar'), archiveOf(ociMembers([[['web:1'], image]])));
  store = await openStore(at('store'));
});

/** What the command says on stderr, line by line, and how it ends. */
async function typed(...words: readonly string[]) {
  const { code, stdout, stderr } = await runCli(words, {
    cwd: folder,
    env: { OSV_CONVERT_STORE: at('store') },
  });
  expect(stderr).not.toContain('    at ');
  return { code, stdout, lines: stderr.trimEnd().split('\n') };
}

describe('osv-convert', () => {
  test('pull --lock looks at the lock file before it asks a registry', async () => {
    const image = '127.0.0.1:1/web:1';
    const [told, hint] = (await typed('pull', image, '--lock', 'a folder')).lines;
    expect(told).toMatch(/found a folder, wanted a lock file \(LOCK_INVALID\)$/);
    expect(hint).toBe('  try: name another file with --lock');
    expect(await typed('pull', image, '--lock', 'none/x.lock')).toMatchObject({
      code: 10,
      lines: [expect.stringContaining('found no folder'), `  try: mkdir -p ${at('none')}`],
    });
    expect((await typed('pull', image, '--lock', '-')).code).toBe(2);
    expect((await typed('pull', image, '--lock', '')).lines[0]).toContain(
      'found "", wanted a file',
    );
  });

  test('list tells when --root is no folder', async () => {
    expect(await typed('list', '--root', 'file')).toMatchObject({ code: 2, stdout: '' });
    const { lines } = await typed('list', '--root', 'none');
    expect(lines).toEqual([
      expect.stringContaining('found no such file'),
      `  try: ls -l ${folder}`,
    ]);
    expect((await typed('list', '--root', 'a folder')).code).toBe(0);
  });

  test('takes its options between the names of a group and its command, the last of each', async () => {
    const words = ['--store', 'x', 'store', '--store', 'y', '--json', 'path', '--store', 'z'];
    expect(JSON.parse((await typed(...words)).stdout)).toEqual({ path: at('z') });
  });

  test('ls-tags takes no tag and no digest for a repository', async () => {
    const hint = '  try: osv-convert ls-tags 127.0.0.1:1/web';
    expect(await typed('ls-tags', '127.0.0.1:1/web:latest')).toMatchObject({
      code: 2,
      lines: [expect.stringContaining('found the tag latest'), hint],
    });
    const digest = `sha256:${'a'.repeat(64)}`;
    expect(await typed('ls-tags', `docker://127.0.0.1:1/web@${digest}`)).toMatchObject({
      code: 2,
      lines: [expect.stringContaining(`found the digest ${digest}`), hint],
    });
  });

  test('load names the images of the file, and its file where there is none', async () => {
    expect((await typed('load', 'two.tar', 'none')).lines.at(-1)).toBe(
      '  try: osv-convert load two.tar web:1',
    );
    expect((await typed('load', 'none.tar')).lines.at(-1)).toBe('  try: ls -l .');
    expect((await typed('load', '')).lines[0]).toContain('reading <path>: found ""');
  });

  test('disk set-env --unset takes the name of a variable', async () => {
    expect((await typed('disk', 'set-env', 'file', '--unset', '')).lines[0]).toBe(
      'osv-convert: reading --unset: found "", wanted the name of a variable (USAGE)',
    );
  });
});

describe('requireNode', () => {
  const root = directory(
    new Map([['app', directory(new Map([['a', fileOfBytes(Buffer.from('a'))]]))]]),
  );
  const nodes = openNodes(accessOf(imageOf(planRofs({ root }))));

  test.each([
    ['/none', '/'],
    ['/app/none/x', '/app'],
    ['app/a/x', '/app'],
  ])('tells of %s which folder to list', (path, last) => {
    expect(() => requireNode(nodes, 'my disk', path)).toThrow(
      expect.objectContaining({
        code: 'PATH_NOT_FOUND',
        hint: `osv-convert rofs ls 'my disk' ${last}`,
      }),
    );
  });

  test('takes no empty word for /', () => {
    expect(() => requireNode(nodes, 'disk', '')).toThrow('found "" for a path');
    expect(requireNode(nodes, 'disk', '/').inode).toBe(1);
    expect(requireNode(nodes, 'disk', 'app/a').kind).toBe('file');
  });

  test('cuts a long path in its error', () => {
    const { message } = wrongNode('/a'.repeat(3000), 'none', 'one', 'disk', '/');
    expect(message.length).toBeLessThan(250);
  });
});

describe('names that are given twice', () => {
  test('are taken once by removeImages and by save', async () => {
    await load(store, at('two.tar'));
    const name = 'docker.io/library/web:1';
    const saved = await save(store, ['web:1', name, 'web:1'], at('saved.tar'));
    expect(saved.images.map(({ reference }) => reference)).toEqual([name]);
    expect(await removeImages(store, ['web:1', name])).toEqual([name]);
  });
});

describe('openSource', () => {
  test.each([
    ['store:none', 'osv-convert images'],
    ['oci-archive:PATH/two.tar:none', 'name one: oci-archive:PATH/two.tar:web:1'],
    ['oci-archive:PATH/a folder', "name it as a layout: 'oci:PATH/a folder'"],
    ['oci:PATH/none', 'ls -l PATH/none'],
  ])('tells the next command when %s is not there', async (text, hint) => {
    const location = parseLocation(text.replace('PATH', folder));
    await load(store, at('two.tar'));
    const failure = openSource(location, { store }).then(({ resolve }) => resolve());
    await expect(failure).rejects.toMatchObject({
      code: 'IMAGE_NOT_FOUND',
      hint: hint.replace('PATH', folder),
    });
  });
});

describe('openSource of a file that is no tar', () => {
  test('tells how to find out what it is', async () => {
    await writeFile(at('noise'), Buffer.alloc(2048, 7));
    const opened = openSource(parseLocation(`oci-archive:${at('noise')}`), { store });
    await expect(opened).rejects.toMatchObject({
      code: 'ARCHIVE_INVALID',
      hint: `file ${at('noise')}`,
    });
  });
});

describe('unlessMissing', () => {
  test('tells of the folder of another user', () => {
    const error = Object.assign(new Error('it'), { code: 'EACCES', path: '/a b' });
    expect(() => unlessMissing(error)).toThrow(
      expect.objectContaining({ code: 'ACCESS_DENIED', hint: "namei -l '/a b'" }),
    );
  });
});

describe('parseRegistry', () => {
  test.each([
    ['', 'reading the registry "": found no host'],
    ['https://quay.io/', 'reading the registry "https://quay.io/": found the scheme https://'],
  ])('refuses %j in its own words', (text, message) => {
    expect(() => parseRegistry(text)).toThrow(message);
  });
});
