import { execFileSync } from 'node:child_process';
import {
  cp,
  mkdir,
  mkdtemp,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseHostAddition, parseImageAddition } from '../../src/additions/addition.ts';
import { type BuildWishes, buildInputs } from '../../src/build-key.ts';
import { emptyConfig } from '../../src/config.ts';
import { keptArtifactType } from '../../src/dotnet/kept-refs.ts';
import { addKernel, removeKernel } from '../../src/osv/kernels.ts';
import { digestOf, openStore, type Store } from '../../store/index.ts';
import { buildImage } from '../support/image.ts';
import { file } from '../support/layers.ts';
import { writeLayout } from '../support/layout.ts';
import { fakeKernelElf } from './osv/fake-kernel.ts';

let folder: string;
let store: Store;
let wishes: BuildWishes;

const at = (...names: readonly string[]): string => join(folder, ...names);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'osv-convert-key-'));
  store = await openStore(at('store'));
  await addKernel(store, [{ name: 'one.elf', bytes: fakeKernelElf() }], { name: 'one' });
  await nameImage('docker.io/library/base:1', 'base');
  await nameImage('docker.io/library/base:1', 'base', 'arm64');
  await writeLayout(at('image'), '1', imageOf('app'));
  await mkdir(at('added/sub'), { recursive: true });
  await writeFile(at('added/sub/file'), 'content');
  await mkdir(at('dotnet/shared/Microsoft.NETCore.App/10.0.1'), { recursive: true });
  await writeFile(at('dotnet/dotnet'), 'muxer');
  await writeFile(at('dotnet/shared/Microsoft.NETCore.App/10.0.1/libcoreclr.so'), 'runtime');
  wishes = {
    reference: `oci:${at('image')}:1`,
    purpose: 'file',
    format: 'raw',
    boot: 'direct',
    hostEnv: { PATH: at('dotnet') },
    env: new Map([['NAME', 'value']]),
    add: [parseHostAddition(`${at('added')}:/app/added`)],
    copyFrom: [parseImageAddition('base:1:/etc')],
  };
});

afterEach(async () => {
  await store.close();
  await rm(folder, { recursive: true, force: true });
});

const imageOf = (text: string) => buildImage({ layers: [[file('file', text)]] });

/** Gives a manifest that nobody reads a name in the store. */
async function nameImage(name: string, text: string, architecture = 'amd64'): Promise<void> {
  const bytes = Buffer.from(text);
  await store.refs.set(name, {
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    digest: await store.blobs.put(bytes),
    size: bytes.length,
    platform: { os: 'linux', architecture },
  });
}

async function keepRuntime(name: string): Promise<void> {
  const bytes = Buffer.from(name);
  const digest = await store.blobs.put(bytes);
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  await store.refs.set(name, {
    mediaType,
    digest,
    size: bytes.length,
    artifactType: keptArtifactType,
  });
}

const inputs = (changes: Partial<BuildWishes> = {}): Promise<string | undefined> =>
  buildInputs(store, { ...wishes, ...changes });

/** With size and times of writing as they were. */
async function replaceInPlace(path: string, text: string): Promise<void> {
  const { atime, mtime } = await stat(path);
  await writeFile(path, text);
  await utimes(path, atime, mtime);
}

describe('buildInputs', () => {
  it('gives the same whenever nothing changed, however the image is reached', async () => {
    const first = await inputs();
    expect(first).toBeDefined();
    expect(
      await inputs({
        onEvent: () => undefined,
        signal: new AbortController().signal,
        offline: true,
        config: { ...emptyConfig, mirrors: {} },
        registry: { plainHttp: true },
      }),
    ).toBe(first);
    await store.blobs.put(Buffer.from('something else'));
    await nameImage('docker.io/library/other:1', 'other');
    expect(await inputs()).toBe(first);
  });

  it.each<Partial<BuildWishes>>([
    { purpose: 'cache' },
    { format: 'qcow2' },
    { compression: 'zlib' },
    { boot: 'bios' },
    { force: true },
    { kernel: 'one' },
    { include: 'all' },
    { keep: ['/usr/share'] },
    { drop: ['/usr/share'] },
    { memory: 512 },
    { cpus: 2 },
    { tmpfs: ['/app/data'] },
    { entrypoint: ['/app/other'] },
    { cmd: [] },
    { workingDirectory: '/' },
    { runtime: 'image' },
    { env: new Map([['NAME', 'other']]) },
    { env: new Map([['NAME', undefined]]) },
    { env: new Map([['NAME', '']]) },
    { env: new Map() },
    { platform: 'linux/arm64' },
    { config: { ...emptyConfig, platform: 'linux/arm64' } },
    { hostEnv: {} },
    { add: [] },
    { copyFrom: [] },
    { copyFrom: [parseImageAddition('base:1:/usr')] },
  ])('gives something else with the option %o', async (changes) => {
    const after = await inputs(changes);
    expect(after).toBeDefined();
    expect(after).not.toBe(await inputs());
  });

  it.each<readonly [string, () => Promise<unknown>]>([
    ['a layout has another image', () => writeLayout(at('image'), '1', imageOf('other'))],
    ['a name in the store means another image', () => nameImage('docker.io/library/base:1', 'new')],
    [
      'a kernel was replaced under its name',
      () =>
        addKernel(store, [{ name: 'one.elf', bytes: fakeKernelElf({ version: 'v0.58' }) }], {
          name: 'one',
        }),
    ],
    [
      'there is another kernel',
      () => addKernel(store, [{ name: 'two.elf', bytes: fakeKernelElf() }], { name: 'two' }),
    ],
    ['there is no kernel any more', () => removeKernel(store, 'one')],
    ['a runtime is kept', () => keepRuntime('runtime/net10')],
    ['a file that is added has other bytes', () => replaceInPlace(at('added/sub/file'), 'CONTENT')],
    ['a folder that is added has another file', () => writeFile(at('added/new'), '')],
    ['a folder that is added has another link', () => symlink('sub', at('added/link'))],
    [
      'a file that is added has another name',
      () => rename(at('added/sub/file'), at('added/sub/f')),
    ],
    [
      'a runtime of the host was replaced in place',
      () =>
        replaceInPlace(at('dotnet/shared/Microsoft.NETCore.App/10.0.1/libcoreclr.so'), 'RUNTIME'),
    ],
    [
      'the host has another runtime',
      () => cp(at('added'), at('dotnet/shared/other'), { recursive: true }),
    ],
    ['the host has no dotnet any more', () => rm(at('dotnet/dotnet'))],
  ])('gives something else when %s', async (_, change) => {
    const before = await inputs();
    await change();
    expect(await inputs()).not.toBe(before);
  });

  it('gives something else when another folder lies behind a link that is added', async () => {
    await cp(at('added'), at('other'), { recursive: true });
    await writeFile(at('other/sub/file'), 'Content');
    await symlink('added', at('link'));
    const add = [parseHostAddition(`${at('link')}:/app/added`)];
    const before = await inputs({ add });
    await rm(at('link'));
    await symlink('other', at('link'));
    expect(await inputs({ add })).not.toBe(before);
  });

  it('gives the same when a file that is added was written anew with the same bytes', async () => {
    const before = await inputs();
    await rm(at('added/sub/file'));
    await writeFile(at('added/sub/file'), 'content');
    expect(await inputs()).toBe(before);
  });

  it('gives something else when a folder of .NET that was named has other files', async () => {
    const named = { runtime: at('dotnet'), hostEnv: {} };
    const before = await inputs(named);
    await writeFile(at('dotnet/shared/new'), '');
    expect(await inputs(named)).not.toBe(before);
  });

  it('gives something else when an archive was replaced', async () => {
    const archive = { reference: `oci-archive:${at('image.tar')}` };
    await writeFile(at('image.tar'), 'one');
    const before = await inputs(archive);
    await replaceInPlace(at('image.tar'), 'two');
    expect(await inputs(archive)).not.toBe(before);
  });

  it('gives something else when a lock file names another image', async () => {
    const lockedTo = (text: string) => {
      const digest = digestOf(Buffer.from(text));
      const images = {
        'docker.io/library/app:1': { digest, platforms: { 'linux/amd64': digest } },
      };
      return inputs({ reference: 'app:1', copyFrom: [], lock: { path: 'a.lock', images } });
    };
    expect(await lockedTo('one')).toBe(await lockedTo('one'));
    expect(await lockedTo('two')).not.toBe(await lockedTo('one'));
  });

  it.each<readonly [string, Partial<BuildWishes>]>([
    ['the store lacks the image', { reference: 'app:1' }],
    ['the store lacks an image to copy from', { copyFrom: [parseImageAddition('app:1:/etc')] }],
    ['the store lacks the image of the runtime', { runtime: 'dotnet:10' }],
    ['a registry is to be asked', { reference: 'base:1', pull: 'always' }],
    ['there is no layout', { reference: 'oci:no-such-folder:1' }],
    ['there is no archive', { reference: 'docker-archive:no-such-file' }],
  ])('gives nothing when %s', async (_, changes) => {
    expect(await inputs(changes)).toBeUndefined();
  });

  it('gives the same for a name of an image, whether it is written short or in full', async () => {
    await nameImage('docker.io/library/web:latest', 'web');
    const named = (reference: string) => buildInputs(store, { ...wishes, reference });
    const short = await named('web');
    expect(short).toBeDefined();
    expect(await named('docker.io/library/web:latest')).toBe(short);
    expect(await named('docker://web:latest')).toBe(short);
    expect(await named('base:1')).not.toBe(short);
  });

  it('gives nothing, and does not wait, when a pipe lies in the place of an index', async () => {
    await rm(at('image/index.json'));
    execFileSync('mkfifo', [at('image/index.json')]);
    expect(await inputs()).toBeUndefined();
  });

  it('asks no registry for an image that the store has under its name', async () => {
    for (const pull of ['missing', 'never'] as const) {
      expect(await inputs({ reference: 'base:1', pull })).toContain(digestOf(Buffer.from('base')));
    }
    expect(await readFile(at('added/sub/file'), 'utf8')).toBe('content');
  });
});
