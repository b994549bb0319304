import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { digestOf, openStore } from '../../store/index.ts';
import { buildImage } from '../support/image.ts';
import { type Compression, directory, file, whiteout } from '../support/layers.ts';
import { dir, root } from './one-store.ts';

describe('other tools', () => {
  const installed = (tool: string) => spawnSync(tool, ['--version']).status === 0;
  const layers = [[directory('app'), file('app/hello', 'hello')], [whiteout('app/hello')]];

  const fill = async (compression: Compression) => {
    const store = await openStore(dir());
    const image = buildImage({ layers, compression, config: { Entrypoint: ['/app/hello'] } });
    for (const bytes of image.blobs.values()) {
      await store.blobs.put(bytes);
    }
    for (const { descriptor, diffID } of image.layers) {
      await store.layers.ingest(descriptor.digest, diffID);
    }
    await store.refs.set('example.com/app:1.0', image.root);
    return image;
  };

  test.runIf(installed('skopeo'))('skopeo reads the store', async () => {
    for (const compression of ['gzip', 'zstd', 'none'] as const) {
      const image = await fill(compression);
      const args = ['inspect', '--raw', `oci:${dir()}:example.com/app:1.0`];
      const raw = execFileSync('skopeo', args);
      expect(digestOf(raw)).toBe(image.root.digest);
    }
    const copied = join(root, 'copied');
    const image = await fill('gzip');
    const from = `oci:${dir()}:example.com/app:1.0`;
    execFileSync('skopeo', ['--insecure-policy', 'copy', '-q', from, `oci:${copied}:x`]);
    expect((await (await openStore(copied)).refs.get('x'))?.digest).toBe(image.root.digest);
  });

  test.runIf(installed('umoci'))('umoci reads the store', async () => {
    await fill('gzip');
    const tags = execFileSync('umoci', ['ls', '--layout', dir()], { encoding: 'utf8' });
    expect(tags.trim()).toBe('example.com/app:1.0');
    const args = ['stat', '--image', `${dir()}:example.com/app:1.0`, '--json'];
    expect(JSON.parse(execFileSync('umoci', args, { encoding: 'utf8' })).history).toBeDefined();
  });

  // A test that is not there would not be missed: the report names the tool that was.
  for (const tool of ['skopeo', 'umoci'].filter((name) => !installed(name))) {
    test.skip(`${tool} reads the store (left out: ${tool} is not installed)`, () => {});
  }
});
