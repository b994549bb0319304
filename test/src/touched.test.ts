import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { convert } from '../../src/convert.ts';
import { pull } from '../../src/pull/pull.ts';
import { nodeFiles } from '../../store/files/node.ts';
import { openStore } from '../../store/index.ts';
import { fixtureApp } from '../support/apps/fixture-apps.ts';
import { bareBase, imageOf, runtimeLayer } from '../support/apps/host-app.ts';
import { countedFiles } from '../support/counted-files.ts';
import { findProgram } from '../support/docker-registry.ts';
import { buildImage } from '../support/image.ts';
import { buildLayer, file } from '../support/layers.ts';
import { writeLayout } from '../support/layout.ts';
import { startRegistry } from '../support/registry/registry.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/*
 * What the work costs where the machine has no say in it: the bytes that are read and written. Each
 * bound is what the task itself needs, and a little for documents, indexes and leases.
 */

const folder = temporaryFolder('touched');
const little = 64 << 10;

/** Half of it can be compressed. */
function layerOf(name: string) {
  const random = seededRandom(name.length);
  const noise = Buffer.from(Array.from({ length: 100_000 }, () => random() * 256));
  const files = Array.from({ length: 30 }, (_, at) => {
    return file(`${name}/file-${at}`, Buffer.concat([noise.subarray(at), Buffer.alloc(100_000)]));
  });
  return buildLayer(files);
}

describe('pull', () => {
  it('reads no blob twice and writes each byte once when the store is empty', async () => {
    const image = buildImage({ layers: [layerOf('lower'), layerOf('upper')] });
    const registry = await startRegistry({ images: { 'app:1': image } });
    const { files, touched } = countedFiles(nodeFiles);
    const store = await openStore(join(folder, 'pulled'), { files });
    await pull(store, `${registry.host}/app:1`, {});
    await store.close();
    await registry.close();
    const sum = (of: 'blob' | 'tar'): number =>
      image.layers.reduce((total, layer) => total + layer[of].length, 0);
    expect(touched.tarRead).toBe(0);
    expect(touched.otherRead).toBeLessThan(sum('blob') + little);
    expect(touched.written).toBeLessThan(sum('blob') + sum('tar') + little);
  });
});

const hasDotnet = findProgram('dotnet') !== undefined;
if (!hasDotnet) console.log('skipped: .NET is not installed, of which an image is made');

describe.skipIf(!hasDotnet)('convert', () => {
  it('reads what goes on the disk once and little else when the layers are in the store', async () => {
    const tars = [bareBase(), runtimeLayer()].filter((tar) => tar !== undefined);
    const layers = tars.map((tar) => buildLayer(tar, { compression: 'none' }));
    await writeLayout(join(folder, 'web'), '1', imageOf(fixtureApp('web'), layers));
    const { files, touched } = countedFiles(nodeFiles);
    const store = await openStore(join(folder, 'store'), { files });
    const build = () =>
      convert(store, `oci:${join(folder, 'web')}:1`, join(folder, 'web.raw'), {
        boot: 'direct',
        hostEnv: {},
      });
    await build();
    Object.assign(touched, { tarRead: 0, otherRead: 0, written: 0 });
    const report = await build();
    await store.close();
    const onDisk = report.files.reduce((total, { size }) => total + size, 0);
    // Of what does not go on the disk, only deps.json files, links and the beginnings of programs are read.
    expect(touched.tarRead).toBeLessThan(onDisk * 1.02);
    expect(touched.otherRead).toBeLessThan(4 * little);
    expect(touched.written).toBe(0);
  });
});
