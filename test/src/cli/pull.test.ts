import { readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createValidator } from '../../../schemas/index.ts';
import type { Descriptor } from '../../../store/index.ts';
import { archiveOf, dockerMembers } from '../../support/archives.ts';
import {
  type CliResult,
  isOfNetwork,
  loadedFiles,
  runCli,
  traceLoading,
} from '../../support/cli.ts';
import { descriptorOf, jsonBytes, mediaTypes } from '../../support/descriptor.ts';
import { helloImage } from '../../support/hello-image.ts';
import { type BuiltImage, buildImage, buildIndex, type Image } from '../../support/image.ts';
import { file } from '../../support/layers.ts';
import { writeLayout } from '../../support/layout.ts';
import { type Registry, startRegistry } from '../../support/registry/registry.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const folder = temporaryFolder('cli-pull');
let registry: Registry;
let hello: BuiltImage;
let index: Image;
let signature: Image;

const at = (name: string): string => join(folder, name);
const name = (): string => `${registry.host}/hello:1.0`;

beforeAll(async () => {
  hello = await helloImage();
  index = buildIndex([hello, buildImage({ layers: [[file('a', 'b')]], architecture: 'arm64' })]);
  signature = signatureOf(index.root);
  registry = await startRegistry({ images: { 'hello:1.0': index, 'hello:signature': signature } });
});

afterAll(async () => {
  await registry.close();
});

/** An artifact without content that refers to `subject`. */
function signatureOf(subject: Descriptor): Image {
  const nothing = jsonBytes({});
  const config = descriptorOf('application/vnd.oci.empty.v1+json', nothing);
  const mediaType = mediaTypes.oci.manifest;
  const artifactType = 'application/vnd.example.signature';
  const manifest = { schemaVersion: 2, mediaType, artifactType, config, layers: [config], subject };
  const bytes = jsonBytes(manifest);
  const root = descriptorOf(mediaType, bytes);
  return {
    root,
    blobs: new Map([[config.digest, nothing] as const, [root.digest, bytes] as const]),
  };
}

/** Runs the tool without the configuration of whoever runs the tests. */
const cli = (args: readonly string[], options: Parameters<typeof runCli>[1] = {}) =>
  runCli(args, { ...options, env: { XDG_CONFIG_HOME: folder, ...options.env } });

function expectFailure({ code, stdout, stderr }: CliResult, failure: string, exit: number): void {
  expect(stderr).toMatch(new RegExp(`[("]${failure}[)"]`));
  expect(code).toBe(exit);
  expect(stdout).toBe('');
}

describe('osv-convert pull', () => {
  it('pulls several platforms at once and locks them; --frozen keeps to that', async () => {
    const [store, lock] = [at('several'), at('app.lock')];
    const both = ['--platform', 'linux/amd64', '--platform', 'linux/arm64'];
    const pulled = await cli(['pull', name(), ...both, '--lock', lock, '--json', '--store', store]);
    expect(pulled, pulled.stderr).toMatchObject({ code: 0 });
    const { images } = JSON.parse(pulled.stdout);
    expect(images.map(({ platform }: { platform: string }) => platform)).toEqual([
      'linux/amd64',
      'linux/arm64',
    ]);
    const { stdout } = await cli(['images', '--json', '--store', store]);
    expect(JSON.parse(stdout).images).toEqual(images);

    const locked = JSON.parse(await readFile(lock, 'utf8'));
    expect((await createValidator('lock'))(locked)).toBeUndefined();
    expect(locked.images[name()].digest).toBe(index.root.digest);

    const frozen = ['--frozen', '--lock', lock, '--store', at('frozen')];
    const again = await cli(['pull', name(), ...frozen, '--json']);
    expect(JSON.parse(again.stdout)).toMatchObject({ digest: hello.root.digest });
    const other = await cli(['inspect', `${registry.host}/other:1.0`, ...frozen.slice(1)]);
    expectFailure(other, 'LOCK_MISSING', 2);

    const forged = { ...locked.images[name()], platforms: { 'linux/amd64': index.root.digest } };
    await writeFile(lock, JSON.stringify({ lockVersion: 1, images: { [name()]: forged } }));
    expectFailure(await cli(['pull', name(), ...frozen]), 'LOCK_MISMATCH', 6);
  });

  it('asks the mirrors of the configuration file, and names what is wrong in it', async () => {
    const config = at('config.json');
    const mirrors = { 'registry.invalid': [{ location: registry.host, digestOnly: false }] };
    await writeFile(config, JSON.stringify({ mirrors }));
    const args = ['pull', 'registry.invalid/hello:1.0', '--json', '--store', at('mirrored')];
    for (const given of [
      { args: [...args, '--config', config], env: {} },
      { args, env: { OSV_CONVERT_CONFIG: config } },
    ]) {
      const pulled = await cli(given.args, { env: given.env });
      expect(JSON.parse(pulled.stdout)).toMatchObject({ digest: hello.root.digest });
    }
    await writeFile(config, JSON.stringify({ mirrors, mirror: {} }));
    const failed = await cli(['inspect', name(), '--config', config]);
    expectFailure(failed, 'CONFIG_FILE_INVALID', 2);
    expect(failed.stderr).toContain('"mirror"');
  });

  it('brings what refers to the image, and says so of files that none can', async () => {
    const args = ['--referrers', '--json', '--store', at('referrers')];
    const pulled = await cli(['pull', name(), ...args]);
    expect(pulled, pulled.stderr).toMatchObject({ code: 0 });
    const { referrers } = JSON.parse(pulled.stdout);
    expect(referrers.map(({ digest }: Descriptor) => digest)).toEqual([signature.root.digest]);
    await writeLayout(at('unsigned'), 'hello', index);
    const failed = await cli(['pull', `oci:${at('unsigned')}:hello`, ...args]);
    expectFailure(failed, 'USAGE', 2);
  });

  it('keeps below --limit-rate, and refuses what is no rate', async () => {
    const { size } = hello.layers[1]?.descriptor ?? { size: 0 };
    const rate = Math.ceil(size / 3);
    const begun = performance.now();
    const args = ['pull', name(), '--store', at('slow'), '--limit-rate'];
    expect((await cli([...args, `${rate}`])).code).toBe(0);
    expect(performance.now() - begun).toBeGreaterThan(1900);
    expectFailure(await cli([...args, 'fast']), 'USAGE', 2);
  });
});

describe('osv-convert --offline', () => {
  it('loads no network code, whether the image is there or not', async () => {
    const store = at('offline');
    const offline = ['--offline', '--store', store, '--json', '--progress', 'none'];
    const missing = await cli(['inspect', name(), ...offline], { nodeArgs: traceLoading });
    expect(missing.code).toBe(5);
    expect(missing.stderr).toContain('"code":"OFFLINE"');
    expect(missing.stderr).toContain(`osv-convert pull --platform linux/amd64 ${name()}`);
    expect(loadedFiles(missing.stderr).filter(isOfNetwork)).toEqual([]);

    await cli(['pull', name(), '--store', store]);
    const requests = registry.requests.length;
    for (const args of [
      ['inspect', name()],
      ['pull', name()],
    ]) {
      const found = await cli([...args, ...offline], { nodeArgs: traceLoading });
      expect(found, found.stderr).toMatchObject({ code: 0 });
      expect(loadedFiles(found.stderr).filter(isOfNetwork)).toEqual([]);
    }
    expect(registry.requests.length).toBe(requests);
    const locking = await cli([
      'pull',
      name(),
      '--offline',
      '--lock',
      at('x.lock'),
      '--store',
      store,
    ]);
    expectFailure(locking, 'USAGE', 2);
  });
});

describe('osv-convert build', () => {
  it('makes the same disk from a registry, a layout, an archive and the store', async () => {
    const [layout, archive] = [at('layout'), at('hello.tar')];
    await writeLayout(layout, 'hello', index);
    await writeFile(archive, archiveOf(dockerMembers([[['hello:1.0'], hello]])));
    const disks: Buffer[] = [];
    for (const from of [
      name(),
      `store:${name()}`,
      `oci:${layout}:hello`,
      `docker-archive:${archive}`,
    ]) {
      const disk = at(`${disks.length}.raw`);
      const built = await cli([
        'build',
        from,
        '-o',
        disk,
        '--boot',
        'direct',
        '--store',
        at('built'),
      ]);
      expect(built, built.stderr).toMatchObject({ code: 0 });
      disks.push(readFileSync(disk));
    }
    expect(disks.every((disk) => disks[0]?.equals(disk))).toBe(true);
  });

  it('asks the registry by its policy', async () => {
    const args = ['inspect', name(), '--store', at('policy'), '--pull'];
    expectFailure(await cli([...args, 'never']), 'OFFLINE', 5);
    expect((await cli([...args, 'missing'])).code).toBe(0);
    const before = registry.requests.length;
    expect((await cli([...args, 'never'])).code).toBe(0);
    expect(registry.requests.length).toBe(before);
    expect((await cli([...args, 'always'])).code).toBe(0);
    expect(registry.requests.slice(before).map(({ path }) => path)).toEqual([
      '/v2/hello/manifests/1.0',
    ]);
  });
});
