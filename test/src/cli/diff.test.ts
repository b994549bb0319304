import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { createValidator } from '../../../schemas/index.ts';
import { layersText } from '../../../src/cli/history-text.ts';
import type { ImageHistory } from '../../../src/look/history.ts';
import { planRofs } from '../../../src/rofs/plan.ts';
import { fileOfBytes, directory as folderOf } from '../../../src/tree/nodes.ts';
import { type CliResult, loadedFiles, runCli, traceLoading } from '../../support/cli.ts';
import { buildImage } from '../../support/image.ts';
import {
  directory,
  file,
  hardlink,
  type LayerItem,
  special,
  symlink,
  whiteout,
} from '../../support/layers.ts';
import { writeLayout } from '../../support/layout.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { imageOf } from '../rofs/image.ts';

const lower: readonly LayerItem[] = [
  file('a', '1'),
  file('b', '1'),
  file('docs/one', '123'),
  file('docs/two', '1234'),
  directory('etc'),
  file('etc/conf', 'old', { mtime: 0.5 }),
  file('etc/mode', '', { xattrs: { 'user.a': 'AA==' } }),
  special('null', 'character', 1, 3),
  symlink('sh', 'dash'),
];
const upper: readonly LayerItem[] = [
  whiteout('docs'),
  hardlink('b', 'a'),
  file('etc/conf', 'newer', { mtime: 1 }),
  file('etc/mode', '', { mode: 0o4600, uid: 7, gid: 8 }),
  file('etc/\x1b[31m', 'x'.repeat(2048)),
  special('null', 'character', 1, 5),
  symlink('sh', 'bash'),
  directory('new'),
  file('new/x', ''),
];
const history = [
  { created_by: '/bin/sh -c #(nop) ADD file:1 in / ' },
  { created_by: 'ENV A=b', empty_layer: true },
  { created_by: 'RUN /bin/sh -c apt-get update\n\tapt-get upgrade # buildkit' },
];

const folder = temporaryFolder('cli-diff');
const at = (name: string): string => join(folder, name);
const image = (name: string): string => `oci:${at(name)}:it`;

beforeAll(async () => {
  await writeLayout(at('lower'), 'it', buildImage({ layers: [lower] }));
  await writeLayout(at('upper'), 'it', buildImage({ layers: [lower, upper], history }));
  const root = folderOf(new Map([['a', fileOfBytes(Buffer.from('1'))]]));
  await writeFile(at('app.rofs'), imageOf(planRofs({ root })));
});

const run = (...args: readonly string[]): Promise<CliResult> =>
  runCli(args, { env: { OSV_CONVERT_STORE: at('store'), XDG_CONFIG_HOME: folder } });

async function json(schema: string, ...args: readonly string[]) {
  const { code, stdout, stderr } = await run(...args, '--json');
  expect(code, stderr).toBe(0);
  const value = JSON.parse(stdout);
  expect((await createValidator(schema))(value)).toBeUndefined();
  return value;
}

describe('osv-convert diff', () => {
  it('prints a path a line with what is different, and the totals', async () => {
    const { code, stdout } = await run('diff', image('lower'), image('upper'));
    expect(code).toBe(0);
    expect(stdout).toBe(`\
C /b  a file of its own -> the same file as /a
D /docs  folder, 2 paths below it, 7 B
A /etc/\\x1b[31m  2.0 KiB
C /etc/conf  content 3 -> 5 bytes, mtime 1970-01-01T00:00:00.5Z -> 1970-01-01T00:00:01Z
C /etc/mode  mode 0644 -> 4600, owner 0:0 -> 7:8, xattrs user.a
A /new  folder, 1 path below it, 0 B
C /null  character device 1, 3 -> character device 1, 5
C /sh  link to dash -> link to bash

3 added (2.0 KiB), 3 removed (7 B), 5 changed (3 B -> 5 B)
`);
  });

  it('lists what is in folders with --all, and ignores what it is told to', async () => {
    const ignored = ['--ignore', 'links,mtime,size', '--ignore', 'mode,owner,xattrs,device,target'];
    const { stdout } = await run('diff', image('upper'), image('lower'), '--all', ...ignored);
    expect(stdout).toBe(`\
A /docs  folder
A /docs/one  3 B
A /docs/two  4 B
D /etc/\\x1b[31m  2.0 KiB
C /etc/conf  content
D /new  folder
D /new/x  0 B

3 added (7 B), 3 removed (2.0 KiB), 1 changed (5 B -> 3 B)
`);
  });

  it('prints counts alone with --stat', async () => {
    const { stdout } = await run('diff', image('lower'), image('upper'), '/etc', '--stat');
    expect(stdout).toBe(`\
CHANGE     PATHS  BYTES
added      1      2.0 KiB
removed    0      0 B
changed    2      3 B -> 5 B
  size     1
  content  1
  mode     1
  owner    1
  mtime    1
  xattrs   1
`);
  });

  it('exits with 0, and with --exit-code with 1 when there are differences', async () => {
    const sides = [image('lower'), image('upper')];
    expect(await run('diff', ...sides, '--exit-code')).toMatchObject({ code: 1 });
    expect(await run('diff', ...sides, '--exit-code', '--json')).toMatchObject({ code: 1 });
    expect(await run('diff', ...sides, '/a', '--exit-code')).toMatchObject({
      code: 0,
      stdout: 'no difference in 1 path\n',
    });
  });

  it('exits with 1 when there are differences that nobody reads', async () => {
    const words = ['diff', image('lower'), image('upper'), '--exit-code', '--store', at('store')];
    const through = ['sh', '-c', '{ "$0" "$@"; echo "ended with $?" >&2; } | :'];
    expect(await runCli(words, { through })).toMatchObject({ stderr: 'ended with 1\n' });
  });

  it('says on stderr, once, what a disk does not keep', async () => {
    const { stdout, stderr } = await run('diff', image('lower'), at('app.rofs'), '/a');
    expect(stdout).toBe('no difference in 1 path\n');
    expect(stderr.match(/no modes, owners, times and extended attributes/g)).toHaveLength(1);
  });

  it('prints JSON as the schema describes it', async () => {
    const found = await json('diff', 'diff', image('lower'), image('upper'));
    expect(found).toMatchObject({
      before: { name: 'localhost/lower:it', subject: image('lower'), kind: 'image' },
      path: '/',
      totals: { added: { paths: 3, bytes: 2048 }, changed: { paths: 5 } },
    });
    expect(found.differences).toHaveLength(11);
    expect(found.differences[0]).toEqual({
      ...{ change: 'changed', path: '/b', aspects: ['links'], links: { after: '/a' } },
      before: expect.objectContaining({ kind: 'file', size: 1, mode: '0644' }),
      after: expect.objectContaining({ kind: 'file' }),
    });
    const disk = await json('diff', 'diff', image('lower'), at('app.rofs'));
    expect(disk.after.kind).toBe('disk');
    const stat = await json('diff', 'diff', image('lower'), image('upper'), '--stat');
    expect(stat).toEqual({ ...found, differences: undefined });
  });

  it('refuses names that nothing is called, with those that there are', async () => {
    const { code, stderr } = await run('diff', 'a', 'b', '--ignore', 'mtime,time');
    expect(code).toBe(2);
    expect(stderr).toContain(
      'found "time", wanted names out of size, content, target, device, mode',
    );
    const missing = await run('diff', image('lower'), image('upper'), '/none');
    expect(missing).toMatchObject({ code: 3, stdout: '' });
    expect(missing.stderr).toContain('(PATH_NOT_FOUND)');
  });

  it.each(['diff', 'history'])(
    'loads commander and nothing heavier for %s --help',
    async (name) => {
      const { code, stderr } = await runCli([name, '--help'], { nodeArgs: traceLoading });
      expect(code).toBe(0);
      const files = loadedFiles(stderr);
      expect(files).toContain(`dist/src/cli/${name}.js`);
      const heavy = /^node_modules\/(?!commander\/)|^dist\/src\/(look|tree)\//;
      expect(files.filter((file) => heavy.test(file))).toEqual([]);
    },
  );
});

describe('osv-convert history', () => {
  it('prints a layer a line, in full when stdout is no terminal', async () => {
    const { code, stdout } = await run('history', image('upper'));
    expect(code).toBe(0);
    const [head, first, second, , totals] = stdout.split('\n');
    expect(head).toMatch(
      /^LAYER +DIFFID +SIZE +UNPACKED +ADDED +CHANGED +REMOVED +WASTED +CREATED BY$/,
    );
    expect(first).toMatch(/^1 +[0-9a-f]{12} .* 10 +0 +0 +11 B +.bin.sh -c #.nop. ADD file:1 in .$/);
    expect(second).toMatch(
      / 3 +4 +3 +0 B +RUN .bin.sh -c apt-get update apt-get upgrade # buildkit$/,
    );
    expect(totals).toMatch(
      /^2 layers, .*; of 2\.0 KiB in files 11 B are wasted: efficiency 99\.5 %$/,
    );
  });

  it('tells what each layer did to a path', async () => {
    const { stdout } = await run('history', image('upper'), '/etc/conf', '/docs', 'b');
    expect(stdout.replace(/ [0-9a-f]{12} /g, ' ID ').replace(/ {2,}/g, '  ')).toBe(`\
/etc/conf: 5 B, the bytes of layer 2; 3 B wasted
LAYER  DIFFID  EVENT  WHAT  CREATED BY
1  ID  added  3 B  /bin/sh -c #(nop) ADD file:1 in /
2  ID  changed  content 3 -> 5 bytes, mtime 1970-01-01T00:00:00.5Z -> 1970-01-01T00:00:01Z  RUN /bin/sh -c apt-get update apt-get upgrade # buildkit

/docs: not there in the end; 7 B wasted
LAYER  DIFFID  EVENT  WHAT  CREATED BY
1  ID  added  folder, below it 2 added  /bin/sh -c #(nop) ADD file:1 in /
2  ID  removed  below it 2 removed  RUN /bin/sh -c apt-get update apt-get upgrade # buildkit

/b: 1 B, the bytes of layer 1; 1 B wasted
LAYER  DIFFID  EVENT  WHAT  CREATED BY
1  ID  added  1 B  /bin/sh -c #(nop) ADD file:1 in /
2  ID  again  the bytes of layer 1  RUN /bin/sh -c apt-get update apt-get upgrade # buildkit
`);
  });

  it('lists what wastes most with --waste', async () => {
    const { stdout } = await run('history', image('upper'), '--waste');
    expect(await run('history', image('upper'), '--all')).toMatchObject({ stdout });
    expect(stdout).toMatch(
      /^WASTED +IN LAYERS +IN THE END +PATH\n4 B +1 +removed by 2 +.docs.two\n/,
    );
    expect(stdout.split('\n').filter((line) => / by 2 /.test(line))).toHaveLength(4);
  });

  it('prints JSON as the schema describes it', async () => {
    const plain = await json('history', 'history', image('upper'));
    expect(plain.layers[1]).toMatchObject({ layer: 2, added: 3, changed: 4, removed: 3 });
    const told = await json('history', 'history', image('upper'), '/docs/one', 'b', '--waste');
    expect(told.waste).toHaveLength(4);
    expect(told.paths).toMatchObject([
      { path: '/docs/one', events: [{ event: 'added' }, { event: 'removed', with: '/docs' }] },
      { path: 'b', events: [{}, { event: 'again' }], seen: { path: '/b', bytesOf: 1 } },
    ]);
  });

  it('refuses what has no layers', async () => {
    expect(await run('history', at('app.rofs'))).toMatchObject({ code: 2, stdout: '' });
  });
});

describe('layersText', () => {
  const layer = {
    ...{ layer: 1, diffID: `sha256:${'0'.repeat(64)}`, digest: `sha256:${'1'.repeat(64)}` },
    ...{ size: 1, unpacked: 1, added: 1, changed: 0, removed: 0, files: 1, bytes: 1, wasted: 0 },
    createdBy: '/bin/sh -c #(nop)  COPY dir:\x1b[31m in / # buildkit',
  };
  const told = {
    layers: Array.from({ length: 127 }, (_, at) => ({ ...layer, layer: at + 1 })),
    totals: { size: 1, unpacked: 1, files: 0, bytes: 0, wasted: 0 },
  } as unknown as ImageHistory;

  it('fits each line into the width of a terminal, and leaves out what every builder writes', () => {
    const lines = layersText(told, 100).split('\n');
    expect(lines).toHaveLength(131);
    expect(lines[127]).toMatch(/^127 .* COPY dir:\\x1b\[31m in \/$/);
    const narrow = layersText(told, 90).split('\n');
    expect(narrow.slice(0, 128).every((line) => line.length <= 90)).toBe(true);
    expect(narrow[127]).toMatch(/ COPY.*…$/);
  });

  it('calls an image without bytes in files efficient', () => {
    expect(layersText(told, undefined)).toMatch(/efficiency 100\.0 %\n$/);
  });
});
