import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  type FSWatcher,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { errorCodeOf } from '../../src/error.ts';
import { writeFolder } from '../../src/export/folder.ts';
import { flatten } from '../../src/flatten.ts';
import { openContents } from '../../src/tree/contents.ts';
import { directory, fileOfBytes } from '../../src/tree/nodes.ts';
import type { Node, Tree } from '../../src/tree/tree.ts';
import { openStore } from '../../store/index.ts';
import { snapshotOf } from '../support/folder-snapshot.ts';
import { buildImage } from '../support/image.ts';
import { file, directory as folder, hardlink, symlink } from '../support/layers.ts';
import { writeLayout } from '../support/layout.ts';
import { archive, gnuLong, member, pax } from '../support/tar-builder.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { top } from '../support/top.ts';

const root = temporaryFolder('escape');

let count = 0;

/** A folder to write in, beside things that nobody is to touch. */
interface Place {
  readonly parent: string;
  readonly canary: string;
  readonly out: string;
}

/** Where nothing is yet. */
function nextPlace(): Place {
  count += 1;
  const parent = join(root, String(count), 'parent');
  return { parent, canary: join(parent, 'canary'), out: join(parent, 'out') };
}

function make({ parent, canary }: Place): void {
  mkdirSync(join(canary, 'sub'), { recursive: true });
  for (const name of ['f', 'f0', 'sub/f', 'passwd']) writeFileSync(join(canary, name), 'untouched');
  writeFileSync(join(parent, 'beside'), 'untouched');
  symlinkSync('canary', join(parent, 'to-canary'));
  linkSync(join(canary, 'f'), join(parent, 'same-as-canary'));
}

function newPlace(): Place {
  const place = nextPlace();
  make(place);
  return place;
}

/** The names of what happened in a folder while `work` was done. */
async function watched(path: string, work: () => Promise<void>): Promise<ReadonlySet<string>> {
  const names = new Set<string>();
  const watcher: FSWatcher = watch(path, (_event, name) => names.add(name ?? 'unknown'));
  try {
    await work();
    // What the kernel tells comes in order: of this file last.
    writeFileSync(join(path, '.end'), '');
    while (!names.has('.end')) await once(watcher, 'change');
    rmSync(join(path, '.end'));
  } finally {
    watcher.close();
  }
  names.delete('.end');
  return names;
}

const fixtures = join(top, 'fixtures/layers');

/** The layers of the hazards whose names begin with `escape-`, by their names. */
function escapes(): ReadonlyMap<string, readonly Uint8Array[]> {
  const layers = new Map<string, Uint8Array[]>();
  for (const name of readdirSync(fixtures).sort()) {
    const [, hazard] = /^(escape-.*?)(?:\.\d+)?\.tar$/.exec(name) ?? [];
    if (hazard === undefined) continue;
    layers.set(hazard, [...(layers.get(hazard) ?? []), readFileSync(join(fixtures, name))]);
  }
  return layers;
}

/** Images that mean what is beside the folder, by `up` or by an absolute path. */
function hostileTo(parent: string): ReadonlyMap<string, readonly Uint8Array[]> {
  const canary = join(parent, 'canary');
  const evil = (name: string) => member({ name }, 'evil');
  const link = (name: string, target: string, type: '1' | '2') =>
    member({ name, type, linkname: target });
  const layers = {
    'a file up': [archive(evil('../canary/f'))],
    'a file up by a long name': [archive(gnuLong('L', '../canary/f'), evil('x'))],
    'a file up by PAX': [archive(pax([['path', '../canary/f']]), evil('x'))],
    'a file by its absolute name': [archive(evil(join(canary, 'f')))],
    'a folder up': [archive(member({ name: '../canary/', type: '5', mode: 0 }))],
    'a link in a folder and a file through it': [archive(link('d', '../canary', '2'), evil('d/f'))],
    'an absolute link and a file through it': [archive(link('d', canary, '2'), evil('d/f'))],
    'a file through a link of the layer below': [
      archive(link('d', canary, '2')),
      archive(evil('d/f')),
    ],
    'a link to itself and a file through it': [archive(link('d', 'd', '2'), evil('d/f'))],
    'a chain of links': [
      archive(
        link('a', '..', '2'),
        link('b', 'a/canary', '2'),
        link('c', 'b/sub', '2'),
        evil('c/f'),
      ),
    ],
    'a hard link up': [archive(link('h', '../canary/f', '1'), evil('h'))],
    'a hard link by an absolute name': [archive(link('h', join(canary, 'f'), '1'), evil('h'))],
    'a hard link through a link': [
      archive(link('d', canary, '2'), link('h', 'd/f', '1'), evil('h')),
    ],
    'a hard link to a link, then a file of its name': [
      archive(link('l', join(canary, 'f'), '2'), link('h', 'l', '1')),
      archive(evil('h')),
    ],
    'a folder in the place of a link': [
      archive(link('d', canary, '2')),
      archive(member({ name: 'd/', type: '5', mode: 0 }), evil('d/f')),
    ],
    'a whiteout up': [archive(evil('../canary/.wh.f'))],
    'a whiteout through a link': [archive(link('d', canary, '2')), archive(evil('d/.wh.f'))],
    'an opaque marker through a link': [
      archive(link('d', canary, '2')),
      archive(evil('d/.wh..wh..opq')),
    ],
  };
  return new Map(Object.entries(layers));
}

describe('flatten to a folder touches nothing outside', () => {
  const own = nextPlace();
  const { parent, out } = own;
  beforeAll(() => make(own));

  it.each([...hostileTo(parent), ...escapes()])('%s', async (_name, layers) => {
    const place = join(root, 'images');
    rmSync(place, { recursive: true, force: true });
    mkdirSync(place);
    await writeLayout(join(place, 'oci'), 't', buildImage({ layers, compression: 'none' }));
    const store = await openStore(join(place, 'store'));
    const before = snapshotOf(parent);
    let code: string | undefined;
    const names = await watched(parent, async () => {
      try {
        await flatten(store, `oci:${join(place, 'oci')}:t`, out);
      } catch (error) {
        code = errorCodeOf(error) ?? `${error}`;
      }
    });
    await store.close();
    if (code === undefined) {
      // It is whole in its place, and all that came beside it was its own.
      expect(
        [...names].filter((name) => !/^(out|\.osv-convert-\d+-\d+\.part)$/.test(name)),
      ).toEqual([]);
      rmSync(out, { recursive: true });
    } else {
      expect(code).toBe('LAYER_CORRUPT');
      expect([...names]).toEqual([]);
    }
    // But for the times of the parent itself, which had a folder more for a while.
    const [, ...rest] = snapshotOf(parent).filter((line) => !line.startsWith('.end'));
    expect(rest).toEqual(before.slice(1));
  });

  it('and has links of the image as they are, pointing out', async () => {
    const place = newPlace();
    const layers = [
      [folder('d'), symlink('d/up', '../../canary/f'), hardlink('same', 'd/up'), file('g', 'x')],
    ];
    await writeLayout(join(place.parent, 'oci'), 't', buildImage({ layers }));
    const store = await openStore(join(root, 'links-store'));
    await flatten(store, `oci:${join(place.parent, 'oci')}:t`, place.out);
    await store.close();
    // Through a link that was there at the end a reader does get out: it means what it meant.
    expect(readFileSync(join(place.out, 'd/up'), 'utf8')).toBe('untouched');
  });
});

const folders = Array.from({ length: 24 }, (_, number) => `d${number}`);

/** Folders that have in them what the canary has and has not, owners to keep and a mode that comes last. */
const raced: Tree = (() => {
  const owned = { ...fileOfBytes(Buffer.from('evil')), uid: 7, mode: 0o400 };
  const files = ['new', 'f', 'passwd'].map((name) => [name, { ...owned }] as const);
  const attributes = { mode: 0o751, uid: 7, gid: 7, mtime: 5 };
  const sub = directory(new Map(files), attributes);
  const one = () => directory(new Map<string, Node>([...files, ['sub', sub]]), attributes);
  return { root: directory(new Map(folders.map((name) => [name, one()]))) };
})();

/** Writes as one would without care: what the racer is able to do to a writer. */
function writeByPaths({ root: node }: Tree, path: string): void {
  mkdirSync(path);
  for (const [name, below] of node.entries) {
    if (below.kind === 'file') writeFileSync(join(path, name), 'evil');
    else if (below.kind === 'directory') writeByPaths({ root: below }, join(path, name));
  }
}

const racer = join(root, 'folder-racer');
const source = join(top, 'test/support/folder-racer.c');
const hasCompiler = spawnSync('gcc', ['--version']).status === 0;
if (!hasCompiler) console.log('skipped: races of a writer of folders, for want of gcc');

/** How often the racer put links in the place of folders while `work` was done. */
async function racing(
  { parent, canary }: { readonly parent: string; readonly canary: string },
  work: () => Promise<void>,
): Promise<number> {
  const child = spawn(racer, [parent, canary, ...folders], { stdio: ['pipe', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });

  const ended = once(child, 'close');
  try {
    while (!text.includes('racing')) await once(child.stdout, 'data');
    await work();
    child.stdin.end();
    await ended;
    return Number(text.replace('racing', ''));
  } finally {
    child.kill('SIGKILL');
  }
}

describe.runIf(hasCompiler)('a process that puts links in the place of folders', () => {
  beforeAll(() => {
    execFileSync('gcc', ['-O2', '-o', racer, source]);
  });

  it('leads a writer astray that goes by paths', async () => {
    const place = newPlace();
    const before = snapshotOf(place.canary).join();
    const isAstray = () => snapshotOf(place.canary).join() !== before;
    await racing(place, async () => {
      for (let round = 0; round < 500 && !isAstray(); round += 1) {
        try {
          writeByPaths(raced, join(place.parent, `${round}.part`));
        } catch {
          // It met a folder that was away, or a name that was there.
        }
      }
    });
    expect(isAstray()).toBe(true);
  });

  it('does not lead writeFolder out of its folder', async () => {
    const place = newPlace();
    const before = snapshotOf(place.canary);
    const ends: string[] = [];
    const met = () => ends.filter((end) => end === 'OUTPUT_UNUSABLE').length;
    let changes: ReadonlySet<string> = new Set();
    const swaps = await racing(place, async () => {
      changes = await watched(place.canary, async () => {
        for (let round = 0; round < 300 && met() < 20; round += 1) {
          const work = writeFolder(raced, `${place.out}-${round}`, {
            contents: openContents(new Map()),
          });
          ends.push(
            await work.then(
              () => 'whole',
              (error) => errorCodeOf(error) ?? `${error}`,
            ),
          );
        }
      });
    });
    // What is told of the canary's folder itself: the end of the watch.
    expect(changes).toEqual(new Set());
    expect(snapshotOf(place.canary).slice(1)).toEqual(before.slice(1));
    // It met what the racer did, and told so.
    expect(swaps).toBeGreaterThan(100);
    expect([...new Set(ends)].filter((end) => end !== 'whole')).toEqual(['OUTPUT_UNUSABLE']);
  });
});
