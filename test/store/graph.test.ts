import { Buffer } from 'node:buffer';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { createMemoryFiles } from '../../store/files/memory.ts';
import { nodeFiles } from '../../store/files/node.ts';
import { documentCap, linksOf, newWalk, walkGraph } from '../../store/graph/graph.ts';
import { type Digest, digestOf, type Files, type StoreError } from '../../store/index.ts';
import { layoutOf } from '../../store/layout.ts';
import { matchesAny } from '../../store/names/glob.ts';
import { jsonBytes } from '../support/descriptor.ts';
import { buildImage, buildIndex } from '../support/image.ts';
import { file } from '../support/layers.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const root = temporaryFolder('graph');

let layout = layoutOf(root);
let count = 0;
beforeEach(() => {
  count += 1;
  layout = layoutOf(join(root, `store-${count}`));
  mkdirSync(layout.blobs, { recursive: true });
});

const code = (wanted: string) => ({ code: wanted });

function imageOf(content: string, recipe: { docker: boolean; architecture?: string }) {
  return buildImage({ layers: [[file('common', 'common')], [file('own', content)]], ...recipe });
}

describe('walkGraph', () => {
  const parts = () => ({ files: nodeFiles, layout });
  const put = (bytes: Uint8Array) => {
    writeFileSync(layout.blob(digestOf(bytes)), bytes);
    return digestOf(bytes);
  };
  const document = (value: unknown) => put(jsonBytes(value));

  test.each([{ docker: false }, { docker: true }])(
    'reaches all of an index, and tells what is missing, when %o',
    async (options) => {
      const here = imageOf('here', options);
      const away = imageOf('away', { ...options, architecture: 'arm64' });
      const index = buildIndex([here, away], options);
      for (const [digest, bytes] of index.blobs) {
        if (digest !== away.root.digest && digest !== here.layers[0]?.descriptor.digest) put(bytes);
      }
      const walk = newWalk();
      const added = await walkGraph(parts(), [index.root.digest], walk);
      const wanted = [index.root, away.root, here.root, here.config].map(({ digest }) => digest);
      const layers = here.layers.flatMap(({ diffID, descriptor }) => [diffID, descriptor.digest]);
      expect(new Set(added)).toEqual(new Set([...wanted, ...layers]));
      expect(walk.reached).toEqual(new Set(added));
      expect(walk.missing).toEqual(new Set([away.root.digest, here.layers[0]?.descriptor.digest]));
      expect(walk.documents.get(here.config.digest)).toEqual(
        here.layers.map(({ diffID }) => ({ role: 'diffID', digest: diffID })),
      );

      put(away.blobs.get(away.root.digest) ?? Buffer.of());
      const later = await walkGraph(parts(), walk.missing, walk);
      expect(later).toContain(away.config.digest);
      expect(walk.missing.has(away.root.digest)).toBe(false);
    },
  );

  test('walks a chain of 10,000 indexes', async () => {
    const files = createMemoryFiles();
    const layout = layoutOf('/store');
    for (const path of ['/store', '/store/blobs', layout.blobs]) files.makeFolder(path);
    let digest = digestOf(Buffer.of());
    for (let depth = 0; depth < 10_000; depth += 1) {
      const bytes = jsonBytes({ manifests: [{ digest }] });
      digest = digestOf(bytes);
      files.create(layout.blob(digest)).write(bytes, 0);
    }
    const walk = newWalk();
    await walkGraph({ files, layout }, [digest], walk);
    expect(walk.reached.size).toBe(10_001);
  });

  test('reads no document that is larger than the cap', async () => {
    const inner = document({});
    const text = (size: number) => JSON.stringify({ layers: [{ digest: inner }] }).padEnd(size);
    const small = put(Buffer.from(text(documentCap)));
    const large = put(Buffer.from(text(documentCap + 1)));
    const walk = newWalk();
    await walkGraph(parts(), [large], walk);
    expect(walk.reached).toEqual(new Set([large]));
    await walkGraph(parts(), [small], walk);
    expect(walk.reached).toEqual(new Set([large, small, inner]));
  });

  test('walks a document that was met as a layer before', async () => {
    const leaf = digestOf(Buffer.from('leaf'));
    const manifest = document({ layers: [{ digest: leaf }] });
    const trap = document({ layers: [{ digest: manifest }] });
    const walk = newWalk();
    await walkGraph(parts(), [trap], walk);
    expect(walk.reached.has(leaf)).toBe(false);
    await walkGraph(parts(), [document({ manifests: [{ digest: manifest }] })], walk);
    expect(walk.reached.has(leaf)).toBe(true);
    expect(walk.missing).toEqual(new Set([leaf]));
  });

  test('fails as STORE_CORRUPT when a document is damaged or unreadable', async () => {
    const manifest = document({ layers: [] });
    const index = document({ manifests: [{ digest: manifest }] });
    const files: Files = {
      ...nodeFiles,
      readWhole() {
        throw Object.assign(new Error('EIO'), { code: 'EIO', syscall: 'read' });
      },
    };
    await expect(walkGraph({ ...parts(), files }, [index], newWalk())).rejects.toMatchObject({
      ...code('STORE_CORRUPT'),
      digest: index,
    });
    appendFileSync(layout.blob(manifest), ' ');
    const failure = { ...code('STORE_CORRUPT'), digest: manifest };
    await expect(walkGraph(parts(), [index], newWalk())).rejects.toMatchObject(failure);

    const walk = { ...newWalk(), damaged: new Map<Digest, StoreError>() };
    await walkGraph(parts(), [index], walk);
    expect(walk.damaged.get(manifest)).toMatchObject(failure);
    expect(walk.reached).toEqual(new Set([index, manifest]));
  });

  test('follows nothing that is no sha256 digest in its place', async () => {
    const keys = fc.constantFrom('manifests', 'config', 'layers', 'rootfs');
    const inner = fc.dictionary(
      fc.constantFrom('digest', 'diff_ids', 'size'),
      fc.jsonValue({ maxDepth: 1 }),
    );
    const hostile = fc.dictionary(
      keys,
      fc.oneof(fc.jsonValue({ maxDepth: 1 }), inner, fc.array(inner)),
    );
    fc.assert(
      fc.property(hostile, (value) => {
        expect(linksOf(jsonBytes(value))).toEqual([]);
      }),
      { numRuns: 300 },
    );
    expect(linksOf(Buffer.from('{"layers":'))).toEqual([]);
    const sha512 = document({ layers: [{ digest: `sha512:${'0'.repeat(128)}` }, { digest: 7 }] });
    const walk = newWalk();
    await walkGraph(parts(), [sha512], walk);
    expect(walk.reached.size).toBe(1);
  });

  test('reads each document once, and nothing else, when it walks 1,000 images', async () => {
    const roots = Array.from({ length: 1000 }, (_, n) => {
      const config = document({ n, rootfs: { diff_ids: [digestOf(Buffer.from(`diff ${n}`))] } });
      const layers = [{ digest: digestOf(Buffer.from(`layer ${n}`)) }];
      const manifest = document({ config: { digest: config }, layers });
      return document({ manifests: [{ digest: manifest }] });
    });
    const read: string[] = [];
    const counted: Files = {
      ...nodeFiles,
      readWhole(path) {
        read.push(path);
        return nodeFiles.readWhole(path);
      },
    };
    const walk = newWalk();
    await walkGraph({ ...parts(), files: counted }, roots, walk);
    expect(walk.reached.size).toBe(5000);
    expect(read.sort()).toEqual([...walk.documents.keys()].map(layout.blob).sort());
  });
});

describe('matchesAny', () => {
  test('does as a regular expression does', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '*', '/', '.'), maxLength: 8 });
    fc.assert(
      fc.property(text, text, (name, pattern) => {
        const source = pattern.replaceAll('.', '\\.').replaceAll('*', '.*');
        expect(matchesAny(name, [pattern])).toBe(new RegExp(`^${source}$`).test(name));
      }),
      { numRuns: 2000 },
    );
    expect(matchesAny('kernel/x')).toBe(false);
    expect(matchesAny('kernel/x', ['runtime/*', 'kernel/*'])).toBe(true);
  });
});
