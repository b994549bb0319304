import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { writeDisk } from '../../../src/disk/output.ts';
import { planDisk } from '../../../src/disk/plan.ts';
import { layerTree } from '../../../src/look/layer-tree.ts';
import { type View, withView } from '../../../src/look/view.ts';
import { planRofs } from '../../../src/rofs/plan.ts';
import { openContents, readFile as readFileOf } from '../../../src/tree/contents.ts';
import { lookup } from '../../../src/tree/lookup.ts';
import { fileOfBytes, directory as folderOf } from '../../../src/tree/nodes.ts';
import {
  type Digest,
  digestOf,
  hexOf,
  openStore,
  parseDiffID,
  type Store,
} from '../../../store/index.ts';
import { buildImage, buildIndex } from '../../support/image.ts';
import {
  directory,
  file,
  hardlink,
  type LayerItem,
  layerTar,
  opaque,
  symlink,
  whiteout,
} from '../../support/layers.ts';
import { writeLayout } from '../../support/layout.ts';
import { listTree } from '../../support/list-tree.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { layerIndex } from '../tree/layer-index.ts';

const base = [directory('etc', { mode: 0o700 }), file('etc/hosts', 'localhost'), file('old', '')];
const top = [whiteout('old'), file('new', 'fresh')];
const image = buildImage({ layers: [base, top] });

const folder = temporaryFolder('view');
let store: Store;

beforeAll(async () => {
  await writeLayout(join(folder, 'layout'), 'app', image);
});

afterAll(async () => {
  await store.close();
});

beforeEach(async () => {
  await store?.close();
  await rm(join(folder, 'store'), { recursive: true, force: true });
  store = await openStore(join(folder, 'store'));
});

const subject = () => `oci:${join(folder, 'layout')}:app`;
const stored = 'store:localhost/layout:app';

function textAt({ tree, contents }: View, path: string): string {
  const found = lookup(tree, path);
  if (found?.node.kind !== 'file') throw new Error(`${path} is a file`);
  return Buffer.from(readFileOf(contents, found.node, 1000)).toString();
}

const listed = async (view: View) => listTree(view.tree);

async function listLayer(digits: string): Promise<string> {
  return await withView(store, `layer:${digits}`, {}, listed);
}

describe('withView of an image', () => {
  it('gives the merged tree, with its bytes, under the name it has in the store', async () => {
    const seen = await withView(store, subject(), {}, async (view) => {
      const { name, kind, hasAttributes } = view;
      return {
        name,
        kind,
        hasAttributes,
        hosts: textAt(view, '/etc/hosts'),
        list: listTree(view.tree),
      };
    });
    expect(seen).toEqual({
      name: 'localhost/layout:app',
      kind: 'image',
      hasAttributes: true,
      hosts: 'localhost',
      list: 'd 0755 0 /\nd 0700 0 /etc\n- 0644 9 /etc/hosts\n- 0644 5 /new\n',
    });
  });

  it('calls once more, with a sound store, when the file it was used for is damaged', async () => {
    await withView(store, subject(), {}, listed);
    const tar = layerPath(image.layers[0]?.diffID, 'tar');
    const bytes = await readFile(tar);
    bytes.write('L', bytes.indexOf('localhost'));
    await writeFile(tar, bytes);
    const warnings: string[] = [];
    const onEvent = (event: { readonly event: string; readonly text?: string }) =>
      void (event.event === 'warning' && warnings.push(event.text ?? ''));
    let calls = 0;
    const hosts = await withView(store, stored, { onEvent }, async (view) => {
      calls += 1;
      return textAt(view, '/etc/hosts');
    });
    expect({ hosts, calls }).toEqual({ hosts: 'localhost', calls: 2 });
    expect(warnings).toEqual([expect.stringContaining('mended it from what the store has')]);
  });

  it('fails as its user does', async () => {
    const failure = new Error('of the user');
    const used = withView(store, subject(), {}, () => Promise.reject(failure));
    await expect(used).rejects.toBe(failure);
  });
});

describe('withView of a layer', () => {
  const [lower, upper] = image.layers.map(({ diffID, descriptor }) => ({
    diffID: hexOf(diffID),
    blob: hexOf(descriptor.digest),
  }));
  if (lower === undefined || upper === undefined) throw new Error('the image has two layers');

  it('gives the layer alone for any beginning of its diffID, or of the digest of its blob', async () => {
    await withView(store, subject(), {}, listed);
    const wanted = 'd 0755 0 /\n- 0644 5 /new\nc 0000 0 /old 0,0\n';
    for (const digits of [
      upper.diffID,
      `sha256:${upper.diffID}`,
      upper.diffID.slice(0, 12),
      `sha256:${upper.diffID.slice(0, 4)}`,
      upper.blob,
      upper.blob.slice(0, 7),
    ]) {
      expect({ digits, list: await listLayer(digits) }).toEqual({ digits, list: wanted });
    }
    const seen = await withView(store, `layer:${lower.diffID}`, {}, async (view) => {
      return { name: view.name, kind: view.kind, hosts: textAt(view, 'etc/hosts') };
    });
    expect(seen).toEqual({ name: `sha256:${lower.diffID}`, kind: 'layer', hosts: 'localhost' });
  });

  it('unpacks the layer, and holds it, when the store has only its blob, behind an index', async () => {
    const index = buildIndex([image]);
    for (const bytes of index.blobs.values()) await store.blobs.put(bytes);
    await store.refs.set('many:1', index.root);
    for (const digits of [lower.blob.slice(0, 9), upper.diffID]) await listLayer(digits);
    const [lease] = await store.leases.list();
    expect(lease?.holds).toEqual(
      expect.arrayContaining([`sha256:${lower.diffID}`, `sha256:${upper.diffID}`]),
    );
  });

  it('finds what is there when other names lead to documents that are missing, damaged or no images', async () => {
    await withView(store, subject(), {}, listed);
    const manifest = await store.blobs.put(Buffer.from('{"schemaVersion":1}'));
    const missing = digestOf(Buffer.from('never taken in'));
    for (const [name, digest] of [
      ['a', manifest],
      ['b', missing],
    ] as const) {
      await store.refs.set(name, { mediaType: 'application/json', digest, size: 19 });
    }
    expect(await listLayer(upper.blob.slice(0, 8))).toContain('/new');
  });

  it('names the candidates when several layers begin so', async () => {
    const [first, second] = await twins();
    const prefix = hexOf(first).slice(0, 4);
    await expect(listLayer(prefix)).rejects.toMatchObject({
      code: 'USAGE',
      message: `opening layer:${prefix}: found 2 layers that begin so, ${[first, second].sort().join(', ')}; wanted one`,
      hint: 'osv-convert store ls --layers',
    });
    expect(await listLayer(hexOf(second).slice(0, 10))).toContain('/twin');
  });

  /** Two layers in the store whose diffIDs have the first four digits in common. */
  async function twins(): Promise<readonly [Digest, Digest]> {
    const seen = new Map<string, Uint8Array>();
    for (let at = 0; ; at += 1) {
      const tar = layerTar([file('twin', `${at}`)]);
      const prefix = hexOf(digestOf(tar)).slice(0, 4);
      const known = seen.get(prefix);
      seen.set(prefix, tar);
      if (known) return [await taken(known), await taken(tar)];
    }
  }

  async function taken(tar: Uint8Array): Promise<Digest> {
    const { diffID } = await store.layers.write(chunks(tar));
    return diffID;
  }

  it('tells how to list them when no layer begins so', async () => {
    for (const digits of ['0123', '0'.repeat(64)]) {
      await expect(listLayer(digits)).rejects.toMatchObject({
        code: 'IMAGE_NOT_FOUND',
        hint: 'osv-convert store ls --layers',
      });
    }
  });

  it.each(['', '012', 'sha256:', 'sha512:0123', 'ABCD', 'latest', '0'.repeat(65)])(
    'refuses the digest %j',
    async (digits) => {
      await expect(listLayer(digits)).rejects.toMatchObject({
        code: 'USAGE',
        message: expect.stringContaining('wanted "layer:" and 4 to 64 lower-case hex digits'),
      });
    },
  );

  it('mends the layer when it is damaged', async () => {
    await withView(store, subject(), {}, listed);
    await writeFile(layerPath(parseDiffID(`sha256:${upper.diffID}`), 'index'), 'damaged');
    expect(await listLayer(upper.diffID)).toContain('/new');
  });
});

describe('layerTree', () => {
  const treeOf = (items: readonly LayerItem[]) => layerTree(layerIndex('layer', items));

  const opaqueXattr = { 'trusted.overlay.opaque': 'eQ==' };

  it('takes time in proportion to the paths of whiteouts when they lie deep', () => {
    const folder = 'a/'.repeat(2000);
    const markers = Array.from({ length: 100 }, (_, at) => whiteout(`${folder}${at}`));
    const began = performance.now();
    expect(lookup(treeOf(markers), `${folder}99`)?.node.kind).toBe('special');
    // A lookup for each folder above each of them took 15 seconds.
    expect(performance.now() - began).toBeLessThan(3000);
  });

  it('shows whiteouts as devices 0,0, in folders that nothing describes too', () => {
    const tree = treeOf([whiteout('a'), whiteout('b/c/d')]);
    expect(listTree(tree)).toBe(
      'd 0755 0 /\nc 0000 0 /a 0,0\nd 0755 0 /b\nd 0755 0 /b/c\nc 0000 0 /b/c/d 0,0\n',
    );
  });

  it('shows opaque folders by their attribute, beside those that they have', () => {
    const tree = treeOf([
      opaque('described'),
      directory('described', { mode: 0o711, uid: 5, xattrs: { 'user.a': 'MQ==' } }),
      opaque('not/described'),
      opaque(''),
    ]);
    expect(lookup(tree, 'described')?.node).toMatchObject({
      mode: 0o711,
      uid: 5,
      xattrs: { 'user.a': 'MQ==', ...opaqueXattr },
    });
    expect(lookup(tree, 'not/described')?.node).toMatchObject({ mode: 0o755, xattrs: opaqueXattr });
    expect(tree.root.xattrs).toEqual(opaqueXattr);
    expect(lookup(tree, 'not')?.node.xattrs).toBeUndefined();
  });

  it('keeps the entry when there is a marker of its name, wherever it stands', () => {
    const tree = treeOf([
      whiteout('before'),
      file('before', 'x'),
      file('after', 'x'),
      whiteout('after'),
      symlink('link', 'nowhere'),
      whiteout('link'),
      directory('folder', { mode: 0o700 }),
      file('folder/in', ''),
      whiteout('folder'),
      file('implied/in', ''),
      whiteout('implied'),
    ]);
    expect(listTree(tree)).toBe(
      'd 0755 0 /\n- 0644 1 /after\n- 0644 1 /before\nd 0700 0 /folder\n- 0644 0 /folder/in\n' +
        'd 0755 0 /implied\n- 0644 0 /implied/in\nl 0777 0 /link -> nowhere\n',
    );
    expect(lookup(tree, 'folder')?.node.xattrs).toEqual(opaqueXattr);
    expect(lookup(tree, 'implied')?.node.xattrs).toEqual(opaqueXattr);
    expect(lookup(tree, 'after')?.node.xattrs).toBeUndefined();
  });

  it('puts markers where links lead, and drops those below files and links that lead nowhere', () => {
    const tree = treeOf([
      directory('usr'),
      symlink('lib', 'usr/lib'),
      symlink('u', 'usr'),
      symlink('loop', 'loop'),
      file('file', ''),
      whiteout('u/a'),
      opaque('u'),
      whiteout('loop/b'),
      whiteout('file/c'),
      opaque('file'),
      opaque('lib'),
    ]);
    expect(listTree(tree)).toBe(
      'd 0755 0 /\n- 0644 0 /file\nl 0777 0 /lib -> usr/lib\nl 0777 0 /loop -> loop\n' +
        'l 0777 0 /u -> usr\nd 0755 0 /usr\nc 0000 0 /usr/a 0,0\n',
    );
    expect(lookup(tree, 'usr')?.node.xattrs).toEqual(opaqueXattr);
  });

  it('refuses a hard link into lower layers', () => {
    expect(() => treeOf([hardlink('name', 'of/lower')])).toThrow(
      expect.objectContaining({ code: 'LAYER_CORRUPT' }),
    );
  });
});

describe('withView of a disk', () => {
  const tree = { root: folderOf(new Map([['hello', fileOfBytes(Buffer.from('world'))]])) };

  it('gives the tree on the disk, while it is used', async () => {
    const path = join(folder, 'a:disk');
    const plan = planDisk({ rofs: planRofs(tree) });
    await writeDisk(plan, path, { format: 'qcow2', contents: openContents(new Map()) });
    const seen = await withView(store, path, {}, async (view) => {
      const { name, kind, hasAttributes } = view;
      expect(textAt(view, 'hello')).toBe('world');
      return { name, kind, hasAttributes, view };
    });
    expect(seen).toMatchObject({ name: path, kind: 'disk', hasAttributes: false });
    expect(() => textAt(seen.view, 'hello')).toThrow('after it was closed');
  });

  it('names the file when the ROFS in it is damaged', async () => {
    const path = join(folder, 'damaged.rofs');
    const superblock = Buffer.alloc(512);
    superblock.write('adbeadde', 'hex');
    await writeFile(path, superblock);
    await expect(withView(store, path, {}, listed)).rejects.toMatchObject({
      code: 'ROFS_INVALID',
      message: `opening ${JSON.stringify(path)}: reading the ROFS: found no superblock, wanted magic deadbead, version 1, blocks of 512 bytes`,
    });
  });

  it.each(['./missing', 'missing.qcow2', 'missing.rofs'])(
    'asks no registry for %s',
    async (path) => {
      await expect(withView(store, path, {}, listed)).rejects.toMatchObject({
        code: 'USAGE',
        message: expect.stringContaining(`opening ${path}: found`),
        hint: `osv-convert build REF -o ${path}`,
      });
    },
  );
});

async function* chunks(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function layerPath(diffID: Digest | undefined, part: 'tar' | 'index'): string {
  if (diffID === undefined) throw new Error('no such layer');
  return join(folder, 'store/layers/v2/sha256', hexOf(diffID), part);
}
