import { describe, expect, test } from 'vitest';
import { filesOfTree } from '../../../src/dotnet/files.ts';
import { loadedNatives } from '../../../src/osv/natives.ts';
import { reachable } from '../../../src/osv/reach/reachable.ts';
import { directory, fileOfBytes, symlink } from '../../../src/tree/nodes.ts';
import type { DirectoryNode, Node } from '../../../src/tree/tree.ts';
import { describeImage, noContents, selfContained, treeOf } from '../dotnet/image-builder.ts';
import { buildElf } from '../elf/elf-builder.ts';

/** A few times what these take on a slow machine; without its cap each takes minutes, or all memory. */
const limit = 30_000;

const names = (count: number, name: (at: number) => string) =>
  Array.from({ length: count }, (_, at) => name(at));

function folderOf(paths: readonly string[], node: Node): DirectoryNode {
  return directory(new Map(paths.map((path) => [path, node])));
}

/** The natives of a folder that all are `elf`. */
function nativesOf(count: number, elf: Uint8Array) {
  const library = fileOfBytes(elf);
  const files = names(count, (at) => `lib${at}.so`);
  const tree = { root: directory(new Map([['app', folderOf(files, library)]])) };
  return loadedNatives(
    filesOfTree(tree, noContents),
    files.map((name) => `/app/${name}`),
  );
}

describe('loadedNatives', () => {
  test('ends soon when many libraries look for many in many folders', { timeout: limit }, () => {
    const elf = buildElf({
      needed: names(300, (at) => `libmissing${at}.so`),
      runpath: names(1000, (at) => `/${at}`).join(':'),
    });
    expect(nativesOf(300, elf)[0]?.lacking).toHaveLength(300);
  });

  test('reads no more symbols than any app has when all files have many', {
    timeout: limit,
  }, () => {
    const elf = buildElf({
      symbols: names(1000, (at) => `f${at}`).map((name) => ({ name, defined: true })),
    });
    expect(nativesOf(4000, elf).length).toBeLessThan(2500);
  });

  test('takes what is no library for nothing when there is much of it', { timeout: limit }, () => {
    expect(nativesOf(200_000, Buffer.from('text'))).toEqual([]);
  });
});

describe('reachable', () => {
  test('ends soon when many links lead to a folder of many files', { timeout: limit }, () => {
    const app = describeImage(selfContained(), { Entrypoint: ['/app/app'] });
    const image = treeOf(selfContained());
    const shared = folderOf(
      names(5000, (at) => `f${at}`),
      fileOfBytes(Buffer.from('text')),
    );
    const links = folderOf(
      names(20_000, (at) => `l${at}`),
      symlink('/usr/share/many/files'),
    );
    const many = directory(new Map([['files', shared]]));
    const usr = directory(new Map([['share', directory(new Map([['many', many]]))]]));
    const root = directory(new Map([...image.root.entries, ['usr', usr], ['srv', links]]));
    const started = { app, runtime: undefined, program: '/app/app' };
    const { kept } = reachable({ root }, noContents, started, { keep: [], drop: [] });
    expect(kept['own-files']?.files).toBe(5000);
  });
});
