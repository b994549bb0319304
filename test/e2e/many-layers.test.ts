import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runCli } from '../support/cli.ts';
import { helloImage } from '../support/hello-image.ts';
import { buildImage } from '../support/image.ts';
import { buildLayer, file, type LayerItem, whiteout } from '../support/layers.ts';
import { type Registry, startRegistry } from '../support/registry/registry.ts';
import { readDisk } from '../support/rofs-reader.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** More than docker mounts with overlay2 (128 with the one that is written), less than Linux (500). */
const count = 127;

const folder = temporaryFolder('many-layers');
let registry: Registry;

beforeAll(async () => {
  const hello = await helloImage();
  const { config } = JSON.parse(
    Buffer.from(hello.blobs.get(hello.config.digest) ?? []).toString('utf8'),
  );
  const [zeros, nothing] = [new Uint8Array(1024), new Uint8Array()];
  const empty = [buildLayer(zeros), buildLayer(nothing, { compression: 'none' })];
  const own = Array.from({ length: count - 4 }, (_, at) => generation(at));
  const layers = [...hello.layers.slice(0, 1), ...empty, ...own, ...hello.layers.slice(1)];
  registry = await startRegistry({ images: { 'many:1': buildImage({ layers, config }) } });
});

afterAll(async () => {
  await registry.close();
});

/** A layer that replaces one file, brings another, and removes that of the layer before the last. */
function generation(at: number): readonly LayerItem[] {
  const old = at < 2 ? [] : [whiteout(`data/of-${at - 2}`)];
  return [file('data/newest', `generation ${at}`), file(`data/of-${at}`, `${at}`), ...old];
}

it(`build puts what ${count} layers come to on a disk, empty ones among them`, async () => {
  const disk = join(folder, 'many.raw');
  const built = await runCli([
    ...['build', `${registry.host}/many:1`, '-o', disk, '--boot', 'direct'],
    ...['--store', join(folder, 'store'), '--json'],
  ]);
  expect(built, built.stderr).toMatchObject({ code: 0 });
  const nodes = readDisk(disk).filter(({ path }) => path.startsWith('/data/'));
  const last = count - 5;
  expect(nodes.map(({ path, size }) => [path, size])).toEqual([
    ['/data/newest', `generation ${last}`.length],
    [`/data/of-${last - 1}`, `${last - 1}`.length],
    [`/data/of-${last}`, `${last}`.length],
  ]);
});
