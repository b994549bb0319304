import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parsePlatform } from '../../../src/oci/platform.ts';
import { lockImage, readLockFile } from '../../../src/pull/lock-file.ts';
import { obtain, pull, pullPlatforms } from '../../../src/pull/pull.ts';
import { writeLayout } from '../../support/layout.ts';
import {
  amd64,
  arm64,
  asked,
  at,
  both,
  emptyStore,
  folder,
  later,
  moveTag,
  start,
} from './pulling.ts';

describe('pull with a lock file', () => {
  let locks = 0;

  async function locked(name: string, platforms: readonly string[]): Promise<string> {
    locks += 1;
    const path = join(folder, `${locks}.lock`);
    const wanted = platforms.map(parsePlatform);
    const { meaning } = await pullPlatforms(await emptyStore(), name, wanted, at());
    if (meaning === undefined) throw new Error('the pull told no meaning');
    await lockImage(path, name, meaning);
    return path;
  }

  it('gives what was locked after the tag has moved, without asking for the tag', async () => {
    const registry = await start();
    const name = `${registry.host}/app:1.0`;
    const lock = await readLockFile(await locked(name, ['linux/amd64']));
    await moveTag(registry);
    const before = registry.requests.length;
    const store = await emptyStore();
    const image = await obtain(store, name, at({ lock }));
    expect(image).toMatchObject({ name, descriptor: { digest: amd64.root.digest } });
    expect(asked(registry).slice(before)).not.toContain('manifests/1.0');

    // The store's image of that name is not the locked one; the locked one is still there.
    await pull(store, name, at());
    expect((await obtain(store, name, at({ pull: 'never' }))).descriptor.digest).not.toBe(
      amd64.root.digest,
    );
    expect((await obtain(store, name, at({ pull: 'never', lock }))).descriptor.digest).toBe(
      amd64.root.digest,
    );
  });

  it('refuses a name or a platform that was not locked', async () => {
    const registry = await start();
    const name = `${registry.host}/app:1.0`;
    const lock = await readLockFile(await locked(name, ['linux/amd64']));
    const before = registry.requests.length;
    for (const [text, options] of [
      [`${registry.host}/app:2.0`, {}],
      [name, { platform: 'linux/arm64' }],
      [`${registry.host}/app:2.0`, { pull: 'always' }],
    ] as const) {
      await expect(
        obtain(await emptyStore(), text, at({ ...options, lock })),
      ).rejects.toMatchObject({
        code: 'LOCK_MISSING',
      });
    }
    expect(registry.requests.length).toBe(before);
  });

  it('finds out that a layout has changed, and that a lock file was', async () => {
    const layout = join(folder, 'locked-layout');
    await writeLayout(layout, 'app', both);
    const text = `oci:${layout}:app`;
    const { name, meaning } = await pullPlatforms(
      await emptyStore(),
      text,
      [parsePlatform('linux/amd64')],
      at(),
    );
    if (meaning === undefined) throw new Error('the pull told no meaning');
    const lockOf = (change: Partial<typeof meaning>) => ({
      path: 'x.lock',
      images: { [name]: { ...meaning, ...change } },
    });
    expect((await obtain(await emptyStore(), text, at({ lock: lockOf({}) }))).name).toBe(name);
    const forged = lockOf({ platforms: { 'linux/amd64': arm64.root.digest } });
    await expect(obtain(await emptyStore(), text, at({ lock: forged }))).rejects.toMatchObject({
      code: 'LOCK_MISMATCH',
      message: expect.stringContaining(`found ${amd64.root.digest}, wanted ${arm64.root.digest}`),
    });
    await writeLayout(layout, 'app', later);
    await expect(obtain(await emptyStore(), text, at({ lock: lockOf({}) }))).rejects.toMatchObject({
      code: 'LOCK_MISMATCH',
      message: expect.stringContaining(`found ${later.root.digest}, wanted ${both.root.digest}`),
    });
  });
});

describe('lockImage', () => {
  const [a, b] = [amd64.root.digest, arm64.root.digest];

  it('writes the same bytes in whatever order images are locked', async () => {
    const entries = [
      ['z/app:1', { digest: a, platforms: { 'linux/arm64': b, 'linux/amd64': a } }],
      ['a/app:1', { digest: b, platforms: { 'linux/amd64': b } }],
    ] as const;
    const paths = ['forth', 'back'].map((name) => join(folder, `${name}.lock`));
    for (const [name, image] of entries) await lockImage(paths[0] ?? '', name, image);
    for (const [name, image] of entries.toReversed()) await lockImage(paths[1] ?? '', name, image);
    const [forth, back] = await Promise.all(paths.map((path) => readFile(path, 'utf8')));
    expect(forth).toBe(back);
    expect(forth).toBe(
      `${JSON.stringify(
        {
          lockVersion: 1,
          images: {
            'a/app:1': { digest: b, platforms: { 'linux/amd64': b } },
            'z/app:1': { digest: a, platforms: { 'linux/amd64': a, 'linux/arm64': b } },
          },
        },
        undefined,
        2,
      )}\n`,
    );
  });

  it('adds a platform to what it knows, and forgets all of them when the name means something else', async () => {
    const path = join(folder, 'grown.lock');
    await lockImage(path, 'app', { digest: a, platforms: { 'linux/amd64': a } });
    await lockImage(path, 'app', { digest: a, platforms: { 'linux/arm64': b } });
    expect((await readLockFile(path)).images['app']?.platforms).toEqual({
      'linux/amd64': a,
      'linux/arm64': b,
    });
    await lockImage(path, 'app', { digest: b, platforms: { 'linux/arm64': b } });
    expect((await readLockFile(path)).images['app']).toEqual({
      digest: b,
      platforms: { 'linux/arm64': b },
    });
  });

  it.each([
    ['no JSON', '{', 'found no JSON'],
    ['another version', '{"lockVersion":2,"images":{}}', 'at /lockVersion: found 2'],
    ['an unknown member', '{"lockVersion":1,"images":{},"more":1}', '"more"'],
    [
      'a digest that is none',
      '{"lockVersion":1,"images":{"a":{"digest":"x","platforms":{}}}}',
      'at /images/a/digest',
    ],
  ])('leaves a file alone that has %s', async (_what, text, says) => {
    const path = join(folder, 'bad.lock');
    await writeFile(path, text);
    const nothing = { digest: a, platforms: {} };
    for (const attempt of [() => readLockFile(path), () => lockImage(path, 'app', nothing)]) {
      await expect(attempt()).rejects.toMatchObject({
        code: 'LOCK_INVALID',
        message: expect.stringContaining(says),
      });
    }
    expect(await readFile(path, 'utf8')).toBe(text);
  });

  it('says how to make a lock file when there is none', async () => {
    await expect(readLockFile(join(folder, 'none.lock'))).rejects.toMatchObject({
      code: 'LOCK_MISSING',
      hint: expect.stringContaining('osv-convert pull --lock'),
    });
  });
});
