import { Buffer } from 'node:buffer';
import { isDeepStrictEqual } from 'node:util';
import { createMemoryFiles, type DiffID, digestOf, parseDiffID } from '../../../store/index.ts';
import { createIndexWriter } from '../../../store/layers/index-text.ts';
import { readLayerIndex, readLayerSummary } from '../../../store/layers/layer-index.ts';
import { layoutOf } from '../../../store/layout.ts';
import { formatIndexBackup, readIndexBackup } from '../../../store/names/index-backup.ts';
import { formatIndex, parseIndex } from '../../../store/names/refs.ts';
import { readTar } from '../../support/read-tar.ts';
import { mutateBytes } from '../mutate-bytes.ts';
import { mutateJson } from '../mutate-json.ts';
import { outcomeOf } from '../outcome.ts';
import { tarSeeds } from '../tar-seeds.ts';
import type { Target } from '../target.ts';

const layout = layoutOf('/store');

function filesWith(path: string, bytes: Uint8Array) {
  const files = createMemoryFiles();
  const folders = path.split('/').slice(1, -1);
  folders.forEach((_, at) => {
    files.makeFolder(`/${folders.slice(0, at + 1).join('/')}`);
  });
  const file = files.create(path);
  file.write(bytes, 0);
  file.close();
  return files;
}

/** The index of a layer: what is accepted has the entries it was written with. */
export function layerIndexTarget(): Target {
  const seeds = tarSeeds().map((tar) => {
    const diffID = parseDiffID(digestOf(tar));
    const entries = readTar(tar);
    const writer = createIndexWriter();
    for (const entry of entries) writer.add(entry);
    return { diffID, entries, text: Buffer.concat(writer.end(diffID, tar.length).pieces) };
  });
  return {
    name: 'layer-index',
    input(random) {
      const { diffID, text } = random.pick(seeds);
      return Buffer.concat([Buffer.from(`${diffID}\n`), mutateBytes(text, random)]);
    },
    async run(input) {
      const [line = ''] = Buffer.from(input).toString('latin1').split('\n', 1);
      const diffID: DiffID = parseDiffID(line);
      const files = filesWith(layout.layer(diffID).index, input.subarray(line.length + 1));
      await outcomeOf(['STORE_CORRUPT'], () => readLayerSummary(files, layout, diffID));
      return await outcomeOf(['STORE_CORRUPT'], () => {
        const found = readLayerIndex(files, layout, diffID);
        const wanted = seeds.find((seed) => seed.diffID === diffID);
        if (!isDeepStrictEqual(found?.entries, wanted?.entries)) throw new Error('other entries');
      });
    },
  };
}

/** index.json, which any tool may write, and its second copy: what is accepted reads back the same. */
export function namesTarget(): Target {
  const descriptor = {
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    digest: digestOf(Buffer.from('a')),
    size: 1,
    platform: { os: 'linux', architecture: 'amd64', variant: 'v2', 'os.features': ['a'] },
    annotations: { 'org.opencontainers.image.ref.name': 'a:b', other: 'c' },
  };
  const seed = { schemaVersion: 2, manifests: [descriptor, { ...descriptor, size: 2 }] };
  return {
    name: 'names',
    input: (random) => mutateJson(seed, random),
    async run(input, random) {
      const copy = mutateBytes(formatIndexBackup(input), random);
      const backup = readIndexBackup(filesWith(layout.indexBackup, copy), layout);
      const text = Buffer.from(Buffer.from(input).toString());
      if (backup.state === 'sound' && !text.equals(backup.text)) throw new Error('another copy');
      return await outcomeOf(['STORE_CORRUPT'], async () => {
        const index = await parseIndex(input, 'index.json');
        const again = await parseIndex(formatIndex(index), 'index.json');
        if (!isDeepStrictEqual(again, index)) throw new Error('read back as another index');
      });
    },
  };
}
