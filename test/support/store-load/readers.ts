import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, createReadStream, fstatSync, openSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Descriptor } from '../../../store/index.ts';
import { findProgram } from '../docker-registry.ts';
import type { Tally } from './tally.ts';

const run = promisify(execFile);

/** Reads all of the image that `name` stands for; throws where anything of it is not there, or wrong. */
type Reader = (store: string, name: string, manifest: Descriptor, scratch: string) => Promise<void>;

/** Other programs that read image layouts, where they are installed, and one of our own. */
export const readers: Readonly<Record<string, Reader>> = {
  crane: (store, _name, manifest) => readLikeCrane(store, manifest),
  ...(findProgram('skopeo') && {
    async 'skopeo inspect'(store, name) {
      await run('skopeo', ['inspect', `oci:${store}:${name}`]);
    },
    async 'skopeo copy'(store, name, _manifest, scratch) {
      await run('skopeo', ['copy', '--quiet', `oci:${store}:${name}`, `dir:${scratch}`]);
      await rm(scratch, { recursive: true });
    },
  }),
  ...(findProgram('umoci') && {
    async 'umoci stat'(store, name) {
      await run('umoci', ['stat', '--image', `${store}:${name}`]);
    },
    async 'umoci ls'(store) {
      await run('umoci', ['ls', '--layout', store]);
    },
  }),
};

/** Manifest, config and layers, each by its digest; no code of the store reads here. */
async function readLikeCrane(store: string, manifest: Descriptor): Promise<void> {
  const read = ({ digest }: Descriptor): unknown => {
    const bytes = readFileSync(pathOf(store, digest));
    requireEqual(createHash('sha256').update(bytes).digest('hex'), digest);
    return JSON.parse(bytes.toString());
  };
  const { config, layers } = read(manifest) as { config: Descriptor; layers: Descriptor[] };
  read(config);
  for (const { digest } of layers) {
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(pathOf(store, digest))) hash.update(chunk);
    requireEqual(hash.digest('hex'), digest);
  }
}

function requireEqual(hex: string, digest: string): void {
  if (`sha256:${hex}` !== digest) throw new Error(`found sha256:${hex}, wanted ${digest}`);
}

function pathOf(store: string, digest: string): string {
  return join(store, 'blobs', ...digest.split(':'));
}

/**
 * Reads a name of the store with one of the readers. Who reads holds nothing: that a name and what it
 * has go away meanwhile is no fault of the store. It is one when index.json was the same all the time, or
 * has the name still and the manifest's file is the same: whatever it leads to is removed after it.
 */
export async function readOnce(
  store: string,
  random: () => number,
  tally: Tally,
  scratch: string,
): Promise<void> {
  const pick = <T>(of: readonly T[]): T | undefined => of[Math.floor(random() * of.length)];
  const index = openSync(join(store, 'index.json'), 'r');
  const isSame = (fd: number): boolean => fstatSync(fd).nlink > 0;
  let manifest: number | undefined;
  const reader = pick(Object.keys(readers)) ?? '';
  try {
    const entries = entriesOf(readFileSync(index, 'utf8'));
    const entry = pick(entries);
    if (entry === undefined) return await delay(20);
    const name = nameOf(entry);
    try {
      manifest = openSync(pathOf(store, entry.digest), 'r');
      await readers[reader]?.(store, name, entry, scratch);
      tally.count(`${reader}: read`);
    } catch (error) {
      const isNamed = entriesOf(readFileSync(join(store, 'index.json'), 'utf8')).some(
        (one) => nameOf(one) === name && one.digest === entry.digest,
      );
      if (isSame(index) || (isNamed && manifest !== undefined && isSame(manifest))) {
        tally.complain(`${reader} of ${name}: ${error instanceof Error ? error.message : error}`);
      } else {
        tally.count(`${reader}: gone meanwhile`);
      }
    }
  } finally {
    closeSync(index);
    if (manifest !== undefined) closeSync(manifest);
    await rm(scratch, { recursive: true, force: true });
  }
}

function entriesOf(index: string): readonly Descriptor[] {
  return JSON.parse(index).manifests;
}

function nameOf({ annotations }: Descriptor): string {
  return annotations?.['org.opencontainers.image.ref.name'] ?? '';
}
