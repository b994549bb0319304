import { join } from 'node:path';
import { afterEach, expect } from 'vitest';
import type { PullOptions } from '../../../src/pull/pull.ts';
import { openStore, type Store } from '../../../store/index.ts';
import { type BuiltImage, buildImage, buildIndex, type Image } from '../../support/image.ts';
import { file } from '../../support/layers.ts';
import { instantPace } from '../../support/pace.ts';
import type { Fault } from '../../support/registry/faults.ts';
import { type Registry, startRegistry } from '../../support/registry/registry.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

export const imageOf = (architecture: string, text = 'one'): BuiltImage =>
  buildImage({ layers: [[file('base', 'shared')], [file('app', text)]], architecture });

export const [amd64, arm64] = [imageOf('amd64'), imageOf('arm64')];
export const both = buildIndex([amd64, arm64]);
export const later = buildIndex([imageOf('amd64', 'two'), arm64]);
export const images = { 'app:1.0': both, 'app:2.0': later };
export const folder = temporaryFolder('pull');
let stores = 0;

/** What runs until the test is over. */
const started: Registry[] = [];

afterEach(async () => {
  for (const registry of started.splice(0)) await registry.close();
});

export async function emptyStore(): Promise<Store> {
  stores += 1;
  return await openStore(join(folder, `store-${stores}`));
}

/** A registry that holds the images until the test is over. */
export async function start(
  faults: readonly Fault[] = [],
  held: Readonly<Record<string, Image>> = images,
): Promise<Registry> {
  const registry = await startRegistry({ images: held, faults });
  started.push(registry);
  return registry;
}

/** Pulls at a pace at which nothing takes time. */
export const at = (options: PullOptions = {}): PullOptions => ({
  ...options,
  registry: { pace: instantPace() },
});

/** What was asked for, as `manifests/1.0` or `blobs/NUMBER`, by the place of the blob in `both`. */
export const asked = ({ requests }: Registry): readonly string[] =>
  requests.map(({ path }) => path.replace(/^\/v2\/(?:.*\/)?app\//, ''));

/** The blobs that were asked for. */
export const blobsOf = (registry: Registry): readonly string[] =>
  asked(registry)
    .filter((path) => path.startsWith('blobs/'))
    .sort();

/** Makes app:1.0 what app:2.0 is. */
export async function moveTag({ host }: Registry): Promise<void> {
  const { status } = await fetch(`http://${host}/v2/app/manifests/1.0`, {
    method: 'PUT',
    headers: { 'content-type': later.root.mediaType },
    body: Buffer.from(later.blobs.get(later.root.digest) ?? []),
  });
  expect(status).toBe(201);
}
