import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { openStore } from '../../store/index.ts';
import { findProgram, startDockerRegistry } from '../support/docker-registry.ts';
import { addProbe, copyRealKernel } from '../support/kernels.ts';
import { top } from '../support/top.ts';
import { makeImages } from './images.ts';
import { linkStorage } from './registry-storage.ts';

/** What the measured commands stand on: images behind a registry, stores, and a folder for what they write. */
export interface Ground {
  /** Host of the registry; undefined where there is none. */
  readonly registry: string | undefined;
  /** What the program is given for an image. */
  reference(image: string): string;
  /** A path below the folder that is gone in the end. */
  path(name: string): string;
  /** The words that run osv-convert. */
  readonly program: string;
  /** Of the measured: nothing of the user's configuration, and no tool but node and those that are named. */
  env(tools?: readonly string[]): NodeJS.ProcessEnv;
  /** A store with a kernel and nothing else in the place of what `name` was. */
  emptyStore(name: string): void;
  /** A store that has these images: pulled, unmeasured, when it is asked for the first time. */
  storeOf(...images: readonly string[]): string;
  close(): Promise<void>;
}

/** @param given another build of the program than that of this tree */
export async function layGround(
  work: string,
  images: readonly string[],
  given?: string,
): Promise<Ground> {
  mkdirSync(work, { recursive: true });
  const layout = await makeImages(work, images);
  const program = resolve(given ?? ownProgram());
  const scratch = mkdtempSync(join(work, 'run-'));
  const path = (name: string): string => join(scratch, name);
  await makeKernelStore(path('kernel-store'), path('probe'));
  linkStorage(layout, path('registry'));
  const registry = await startDockerRegistry({ storage: path('registry') });

  function reference(image: string): string {
    return registry === undefined ? `oci:${layout}:${image}` : `${registry.host}/${image}:1`;
  }

  function env(tools: readonly string[] = []): NodeJS.ProcessEnv {
    const folder = path(['bin', ...tools].join('-'));
    if (!existsSync(folder)) {
      mkdirSync(folder);
      symlinkSync(process.execPath, join(folder, 'node'));
      for (const tool of tools) symlinkSync(findProgram(tool) ?? '', join(folder, tool));
    }
    const home = { HOME: scratch, XDG_CACHE_HOME: path('cache'), XDG_CONFIG_HOME: path('config') };
    return { ...home, XDG_DATA_HOME: path('data'), PATH: folder, LC_ALL: 'C.UTF-8' };
  }

  return {
    registry: registry?.host,
    reference,
    path,
    program,
    env,
    emptyStore(name) {
      rmSync(path(name), { recursive: true, force: true });
      cpSync(path('kernel-store'), path(name), { recursive: true });
    },
    storeOf(...images) {
      const store = path(['store', ...images].join('-'));
      if (existsSync(store)) return store;
      cpSync(path('kernel-store'), store, { recursive: true });
      for (const image of images) {
        const args = ['pull', reference(image), '--store', store, '--quiet'];
        execFileSync(program, args, { env: env(), stdio: ['ignore', 'ignore', 'inherit'] });
      }
      return store;
    },
    async close() {
      await registry?.close();
      rmSync(scratch, { recursive: true });
    },
  };
}

function ownProgram(): string {
  const { bin }: { bin: Readonly<Record<string, string>> } = JSON.parse(
    readFileSync(join(top, 'package.json'), 'utf8'),
  );
  return join(top, bin['osv-convert'] ?? '');
}

async function makeKernelStore(folder: string, probe: string): Promise<void> {
  const store = await openStore(folder);
  mkdirSync(probe);
  const kernel = (await copyRealKernel(store)) ?? (await addProbe(store, probe));
  await store.close();
  if (kernel === undefined) {
    throw new Error(
      'making a store: found no kernel in the default store and no gcc, wanted either',
    );
  }
}
