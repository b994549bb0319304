import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type Digest, hexOf, openStore, type Store } from '../../../store/index.ts';
import { type CliOptions, runCli } from '../../support/cli.ts';
import { buildImage, type Image } from '../../support/image.ts';
import { file } from '../../support/layers.ts';
import { temporaryFolder, temporaryPath } from '../../support/temporary-folder.ts';

export const web = buildImage({ layers: [[file('web', 'web')], [file('copy', 'web')]] });
export const arm = buildImage({ layers: [[file('web', 'arm')]], architecture: 'arm64' });
export const job = buildImage({ layers: [[file('job', 'job')]] });
export const kernel = buildImage({ layers: [[file('loader', 'loader')]] });
export const webName = 'docker.io/acme/web:1';
export const jobName = 'localhost/job:2';

/** The folder of the store of the running test. */
export const dir = temporaryPath('store-cli');

/** A folder for other files. */
export const root = temporaryFolder('store-cli-files');

/** Runs `osv-convert store` on the store of the test, or on another. */
export const cli = (args: readonly string[], options: CliOptions = {}, store = dir()) =>
  runCli(['store', ...args, '--store', store], options);

export async function cliJson(args: readonly string[], store = dir()) {
  const { stdout, code, stderr } = await cli([...args, '--json'], {}, store);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
}

export async function put(store: Store, name: string, image: Image, artifactType?: string) {
  for (const bytes of image.blobs.values()) await store.blobs.put(bytes);
  await store.refs.set(name, { ...image.root, ...(artifactType && { artifactType }) });
}

/** Two images, one for two platforms and unpacked, a kernel, and a blob that nothing needs. */
export async function fill(): Promise<void> {
  const store = await openStore(dir());
  await put(store, webName, web);
  await put(store, webName, arm);
  await put(store, jobName, job);
  await put(store, 'kernel/v1', kernel, 'application/vnd.osv-convert.kernel.v1');
  for (const { descriptor, diffID } of web.layers) {
    await store.layers.ingest(descriptor.digest, diffID);
  }
  await store.blobs.put(Buffer.from('garbage'));
  await store.close();
}

export const blobPath = (digest: Digest) => join(dir(), 'blobs', 'sha256', hexOf(digest));

export function names(): readonly string[] {
  const { manifests } = JSON.parse(readFileSync(join(dir(), 'index.json'), 'utf8'));
  const found = manifests.map(
    ({ annotations }: { annotations: Record<string, string> }) =>
      annotations['org.opencontainers.image.ref.name'],
  );
  return [...new Set<string>(found)].sort();
}

export function flip(path: string): void {
  const bytes = readFileSync(path);
  bytes[20] = (bytes[20] ?? 0) ^ 1;
  writeFileSync(path, bytes);
}
