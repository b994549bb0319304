import { execFileSync } from 'node:child_process';
import { chmod, symlink as link, mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseHostAddition, parseImageAddition } from '../../../src/additions/addition.ts';
import { planHostAddition } from '../../../src/additions/host.ts';
import { type Additions, layAdditions } from '../../../src/additions/lay.ts';
import { packTar } from '../../../src/dotnet/pack-tar.ts';
import type { PullOptions } from '../../../src/pull/pull.ts';
import { readFile } from '../../../src/tree/contents.ts';
import { editTree } from '../../../src/tree/edit.ts';
import { lookup } from '../../../src/tree/lookup.ts';
import { directory, fileOfBytes, symlink } from '../../../src/tree/nodes.ts';
import { withLayers } from '../../../src/tree/open-layers.ts';
import { walkTree } from '../../../src/tree/walk.ts';
import { openMemoryStore } from '../../../store/index.ts';
import { buildImage } from '../../support/image.ts';
import { file, directory as folderItem, symlink as linkItem } from '../../support/layers.ts';
import { writeLayout } from '../../support/layout.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'osv-convert-additions-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

/** What the image has: merged /usr, an app, a link to a file. */
const base = editTree(
  { root: directory() },
  [
    ['/usr/lib', directory()],
    ['/lib', symlink('usr/lib')],
    ['/app/appsettings.json', fileOfBytes(Buffer.from('of the image'))],
    ['/app/other.json', fileOfBytes(Buffer.from('stays'))],
    ['/app/link', symlink('other.json')],
  ].map(([path, node]) => ({ op: 'set', path, node }) as never),
);

/** The tree with the additions: a line a name, with mode and text of what was added. */
async function lay(additions: Additions & PullOptions) {
  const store = await openMemoryStore();
  return await withLayers(store, async (open) => {
    const { tree, added, records } = await layAdditions(store, open, base, additions);
    const lines = [...walkTree(tree)].flatMap(({ path, node }) => {
      if (!added.has(path)) return [];
      if (node.kind === 'symlink') return [`${path} -> ${node.target}`];
      if (node.kind !== 'file') return [`${path}/`];
      return [
        `${path} ${node.mode.toString(8)} ${Buffer.from(readFile(open.contents, node, 1 << 20))}`,
      ];
    });
    return { lines, records, added: [...added], tree };
  });
}

async function put(path: string, text: string, mode = 0o644): Promise<string> {
  const whole = join(folder, path);
  await mkdir(join(whole, '..'), { recursive: true });
  await writeFile(whole, text);
  await chmod(whole, mode);
  return whole;
}

function add(...texts: string[]): Additions {
  return { add: texts.map(parseHostAddition) };
}

describe('parseHostAddition', () => {
  it.each([
    ['a.json:/app/b.json', 'a.json', '/app/b.json', false],
    ['a:b/c:/app/', 'a:b/c', '/app', true],
    ['./x:/y:/app', './x:/y', '/app', false],
    ['x://', 'x', '', true],
  ])('reads %s', (text, source, path, isFolder) => {
    expect(parseHostAddition(text)).toEqual({ source, target: { path, isFolder } });
  });

  it.each(['a.json', 'a:b', ':/app', 'a:/app/../etc', 'a:/./b', 'a\0:/b'])('refuses %j', (text) => {
    expect(() => parseHostAddition(text)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });
});

describe('parseImageAddition', () => {
  it.each([
    [
      'mcr.microsoft.com/dotnet/runtime:10.0:/usr/share/dotnet',
      ['mcr.microsoft.com/dotnet/runtime:10.0', '/usr/share/dotnet', '/usr/share/dotnet', false],
    ],
    ['oci:/dir:tag:/usr/lib/a.so:/usr/lib/', ['oci:/dir:tag', '/usr/lib/a.so', '/usr/lib', true]],
    ['oci:/dir:/usr/', ['oci:/dir', '/usr', '/usr', false]],
    ['oci:dir:/x:/y', ['oci:dir', '/x', '/y', false]],
    [
      'docker://localhost:5000/a@sha256:0:/x',
      ['docker://localhost:5000/a@sha256:0', '/x', '/x', false],
    ],
    ['store:runtime/net:/', ['store:runtime/net', '/', '', false]],
  ] as const)('reads %s', (text, [reference, path, target, isFolder]) => {
    const wanted = { reference, path, target: { path: target, isFolder } };
    expect(parseImageAddition(text)).toEqual(wanted);
  });

  it.each(['alpine', 'alpine:3', 'oci:/dir', ':/x', 'a:/x/../y', 'a:/x:/../y'])(
    'refuses %j',
    (text) => {
      expect(() => parseImageAddition(text)).toThrow(expect.objectContaining({ code: 'USAGE' }));
    },
  );
});

describe('layAdditions', () => {
  it('puts files and folders of the host where they are wanted, over what the image has', async () => {
    const settings = await put('settings/appsettings.json', 'of the host', 0o600);
    await put('tools/bin/run', 'program', 0o750);
    await mkdir(join(folder, 'tools/empty'));
    await link('bin/run', join(folder, 'tools/short'));
    const { lines, records, tree } = await lay(
      add(
        `${settings}:/app/`,
        `${folder}/tools:/opt/`,
        `${settings}:/lib/other`,
        `${settings}:/app/link`,
      ),
    );
    expect(lines).toEqual([
      '/app/appsettings.json 644 of the host',
      '/app/link 644 of the host',
      '/opt/tools/bin/run 755 program',
      '/opt/tools/empty/',
      '/opt/tools/short -> bin/run',
      '/usr/lib/other 644 of the host',
    ]);
    expect(lookup(tree, '/app/other.json')).toBeDefined();
    expect(records.map(({ from, path }) => `${from} ${path}`)).toEqual([
      'host /app/appsettings.json',
      'host /opt/tools',
      'host /lib/other',
      'host /app/link',
    ]);
    expect(JSON.stringify(records)).not.toContain(folder);
  });

  it('merges the contents of a folder, and of one without a name', async () => {
    await put('conf/appsettings.json', 'of the host');
    expect((await lay(add(`${folder}/conf:/app`))).lines).toEqual([
      '/app/appsettings.json 644 of the host',
    ]);
    expect((await lay(add(`${folder}/conf/.:/app/`))).lines).toEqual([
      '/app/appsettings.json 644 of the host',
    ]);
  });

  it('packs the same layer wherever the same files are, whatever their times', async () => {
    const [one, two] = [await put('one/a', 'same'), await put('two/a', 'same')];
    await utimes(two, 1, 1);
    const [first, second] = [await lay(add(`${one}:/etc/a`)), await lay(add(`${two}:/etc/a`))];
    expect(first.records).toEqual(second.records);
  });

  it.each([
    [
      'a file over a folder',
      'file:/app',
      'ROOT_CONFLICT',
      'wanted no folder there, or a slash at the end: /app/',
    ],
    ['a folder over a file', 'sub:/app/other.json', 'ROOT_CONFLICT', 'wanted no file there'],
    ['something below a file', 'file:/app/other.json/x', 'ROOT_CONFLICT', 'a file'],
    ['what a mount hides', 'file:/tmp/x', 'ROOT_CONFLICT', 'OSv mounts over it'],
    ['the table of mounts', 'file:/etc/fstab', 'ROOT_CONFLICT', 'which is written for it'],
    ['what is not there', 'missing:/x', 'USAGE', 'found no such file'],
    ['a pipe', 'pipes:/x', 'USAGE', 'a device, socket or pipe'],
    ['a link that leads out', 'out:/x', 'USAGE', 'a link to "../file"'],
    ['a link to a place of the host', 'absolute:/x', 'USAGE', 'a link to "/etc/passwd"'],
  ])('refuses %s', async (_, text, code, problem) => {
    await put('file', 'text');
    await put('sub/file', 'text');
    for (const name of ['pipes', 'out', 'absolute']) await mkdir(join(folder, name));
    execFileSync('mkfifo', [join(folder, 'pipes/pipe')]);
    await link('../file', join(folder, 'out/link'));
    await link('/etc/passwd', join(folder, 'absolute/link'));
    const laid = lay(add(`${folder}/${text}`));
    await expect(laid).rejects.toMatchObject({ code, message: expect.stringContaining(problem) });
  });

  it('fails when a file is written while it is packed', async () => {
    const path = await put('file', 'as it was planned');
    const { entries } = planHostAddition(parseHostAddition(`${path}:/x`));
    await writeFile(path, 'as it becomes one');
    const [entry] = entries;
    // The clock of the file system may stand still between the two.
    const planned = entry?.kind === 'file' ? [{ ...entry, changed: 1 }] : [];
    const drain = async (): Promise<void> => {
      for await (const _ of packTar({ entries: planned }));
    };
    await expect(drain()).rejects.toThrow('was changed while it was packed');
  });

  describe('of another image', () => {
    const tools = buildImage({
      layers: [
        [
          folderItem('usr'),
          folderItem('usr/lib'),
          file('usr/lib/libfoo.so.1', 'a library', { mode: 0o755 }),
          linkItem('usr/lib/libfoo.so', 'libfoo.so.1'),
          file('usr/lib/libbar.so', 'another'),
        ],
      ],
    });

    it('takes files, what links lead to, and folders, by its digest', async () => {
      await writeLayout(join(folder, 'tools'), '1', tools);
      const from = `oci:${folder}/tools:1`;
      const copyFrom = [`${from}:/usr/lib/libfoo.so:/lib/`, `${from}:/usr/lib:/opt/x`].map(
        parseImageAddition,
      );
      const { lines, records } = await lay({ copyFrom });
      expect(lines).toEqual([
        '/opt/x/libbar.so 644 another',
        '/opt/x/libfoo.so -> libfoo.so.1',
        '/opt/x/libfoo.so.1 755 a library',
        '/usr/lib/libfoo.so 755 a library',
      ]);
      expect(records[0]).toEqual({
        ...{ from: 'image', path: '/lib/libfoo.so' },
        ...{ name: 'localhost/tools:1', manifest: tools.root.digest },
      });
    });

    it('names the image, the path and what comes near when it is not there', async () => {
      await writeLayout(join(folder, 'tools'), '1', tools);
      const copyFrom = [parseImageAddition(`oci:${folder}/tools:1:/usr/lib/libfo.so:/lib/`)];
      await expect(lay({ copyFrom })).rejects.toMatchObject({
        code: 'PATH_NOT_FOUND',
        message:
          `copying "/usr/lib/libfo.so" from oci:${folder}/tools:1: found no "libfo.so" in /usr/lib, ` +
          'wanted a name it has: "libfoo.so", "libfoo.so.1", "libbar.so"',
        hint: `osv-convert ls oci:${folder}/tools:1 /usr/lib`,
      });
    });

    it('is refused when the lock file does not name it', async () => {
      await writeLayout(join(folder, 'tools'), '1', tools);
      const copyFrom = [parseImageAddition(`oci:${folder}/tools:1:/usr`)];
      const lock = { path: 'a.lock', images: {} };
      await expect(lay({ copyFrom, lock })).rejects.toMatchObject({ code: 'LOCK_MISSING' });
    });

    it('gives way to files of the host', async () => {
      await writeLayout(join(folder, 'tools'), '1', tools);
      const own = await put('own', 'of the host');
      const copyFrom = [parseImageAddition(`oci:${folder}/tools:1:/usr/lib/libbar.so:/app/x`)];
      const { lines } = await lay({ copyFrom, ...add(`${own}:/app/x`) });
      expect(lines).toEqual(['/app/x 644 of the host']);
    });
  });
});
