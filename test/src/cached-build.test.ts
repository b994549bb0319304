import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type BuildRecords, openBuildRecords } from '../../src/build-records.ts';
import { cachedBuild } from '../../src/cached-build.ts';
import type { ConvertOptions } from '../../src/convert.ts';
import { stampAt } from '../../src/disk/file-stamp.ts';
import { setEnvironment } from '../../src/edit-disk.ts';
import { addKernel } from '../../src/osv/kernels.ts';
import { openStore, type Store } from '../../store/index.ts';
import { helloImage } from '../support/hello-image.ts';
import { writeLayout } from '../support/layout.ts';
import { fakeLoader } from './osv/fake-kernel.ts';

let folder: string;
let store: Store;
let records: BuildRecords;

const at = (...names: readonly string[]): string => join(folder, ...names);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'osv-convert-cached-'));
  store = await openStore(at('store'));
  await writeLayout(at('hello'), '1', await helloImage());
  await addKernel(store, [{ name: 'loader.img', bytes: fakeLoader() }], { name: 'fake' });
  records = await recordsIn('builds');
});

afterEach(async () => {
  await store.close();
  await rm(folder, { recursive: true, force: true });
});

async function recordsIn(name: string): Promise<BuildRecords> {
  const opened = await openBuildRecords(at(name));
  if (opened === undefined) throw new Error('no records in a folder that can be written');
  return opened;
}

async function build(name: string, options: Partial<ConvertOptions> = {}) {
  const wishes = { boot: 'bios', hostEnv: {}, ...options } as const;
  return await cachedBuild(store, `oci:${at('hello')}:1`, at(name), records, wishes);
}

/** From here on, whoever reads the image fails. */
async function loseImage(): Promise<void> {
  await rm(at('store/layers'), { recursive: true });
  await rm(at('store/blobs'), { recursive: true });
  await rm(at('hello/blobs'), { recursive: true });
}

describe('cachedBuild', () => {
  it('leaves a disk alone, and reads nothing of the image, when the same was built there', async () => {
    const { report, how } = await build('web.qcow2');
    expect(how).toBe('built');
    const stamps = () => ['web.qcow2', 'web.qcow2.json'].map((name) => stampAt(at(name)));
    const before = stamps();
    await loseImage();
    expect(await build('web.qcow2')).toEqual({ report, how: 'current' });
    expect(stamps()).toEqual(before);
  });

  it('copies a disk when the same was built elsewhere, and knows the copy too', async () => {
    const { report } = await build('web.qcow2');
    await loseImage();
    await mkdir(at('other'));
    expect(await build('other/web.qcow2')).toEqual({ report, how: 'copied' });
    for (const end of ['', '.json']) {
      const copy = await readFile(at(`other/web.qcow2${end}`));
      expect(copy.equals(await readFile(at(`web.qcow2${end}`)))).toBe(true);
    }
    expect((await readdir(at('other'))).sort()).toEqual(['web.qcow2', 'web.qcow2.json']);
    await rm(at('web.qcow2'));
    expect((await build('other/web.qcow2')).how).toBe('current');
    expect((await build('web.qcow2')).how).toBe('copied');
  });

  it.each<readonly [string, () => Promise<unknown>]>([
    ['has other bytes, with its size and times of writing', () => replaceInPlace('web.raw')],
    ['is gone', () => rm(at('web.raw'))],
    ['was moved', () => rename(at('web.raw'), at('moved.raw'))],
    [
      'has other variables',
      () => setEnvironment(at('web.raw'), { set: new Map([['A', 'b']]), unset: [] }),
    ],
    ['has another report', () => replaceInPlace('web.raw.json')],
    ['has no report', () => rm(at('web.raw.json'))],
  ])('builds again when the disk that was built %s', async (_, change) => {
    await build('web.raw');
    const bytes = await readFile(at('web.raw'));
    await change();
    expect((await build('web.raw')).how).toBe('built');
    expect((await readFile(at('web.raw'))).equals(bytes)).toBe(true);
    expect((await build('web.raw')).how).toBe('current');
  });

  it('builds again when another image lies in the layout, or an option is another', async () => {
    await build('web.raw');
    expect((await build('web.raw', { cmd: ['other'] })).how).toBe('built');
    expect((await build('web.raw', { cmd: ['other'] })).how).toBe('current');
    // What was there before lies there no more.
    expect((await build('web.raw')).how).toBe('built');
    await writeLayout(at('hello'), '1', await helloImage(['again']));
    expect((await build('web.raw')).how).toBe('built');
  });

  it('takes no disk for its own when another build put one in its place', async () => {
    const builds = ['one', 'two', 'three'].map((word) => ({ cmd: [word] }));
    await Promise.all(builds.map((options) => build('web.raw', options)));
    const { app } = JSON.parse(await readFile(at('web.raw.json'), 'utf8'));
    const hows = [];
    for (const options of builds) {
      const { how, report } = await build('web.raw', options);
      expect(report.app.args).toEqual(options.cmd);
      hows.push(how);
    }
    expect(app.args[0]).toMatch(/one|two|three/);
    expect(hows.slice(1)).toEqual(['built', 'built']);
  });

  it('builds one disk as two at once, either whole', async () => {
    const both = await Promise.all([build('web.raw'), build('web.raw')]);
    expect(both[0]?.report).toEqual(both[1]?.report);
    await build('web.raw');
    expect((await build('web.raw')).how).toBe('current');
  });

  it('warns again of what it warned of', async () => {
    const warned = async () => {
      const texts: string[] = [];
      const onEvent: ConvertOptions['onEvent'] = (event) => {
        if (event.event === 'warning') texts.push(event.text);
      };
      const { how } = await build('web.raw', { drop: ['/no/such/path'], onEvent });
      return { how, texts };
    };
    const first = await warned();
    expect(first.texts).toContain(
      '--drop /no/such/path matches nothing of the image or its runtime',
    );
    expect(await warned()).toEqual({ ...first, how: 'current' });
  });

  it('refuses each time what it refused', async () => {
    for (const _ of ['first', 'second']) {
      await expect(build('web.raw', { entrypoint: ['/bin/sh'] })).rejects.toMatchObject({
        code: 'SHELL_ENTRYPOINT',
      });
      expect(await readdir(folder)).not.toContain('web.raw');
    }
    expect(records.list()).toEqual([]);
  });

  it('builds what is known only to other records, and without any', async () => {
    await build('web.raw');
    const first = records;
    records = await recordsIn('others');
    expect((await build('web.raw')).how).toBe('built');
    const wishes = { boot: 'direct', hostEnv: {} } as const;
    const without = await cachedBuild(
      store,
      `oci:${at('hello')}:1`,
      at('web.raw'),
      undefined,
      wishes,
    );
    expect(without.how).toBe('built');
    records = first;
    expect((await build('web.raw')).how).toBe('built');
  });
});

async function replaceInPlace(name: string): Promise<void> {
  const path = at(name);
  const [{ atime, mtime }, bytes] = [await stat(path), await readFile(path)];
  await writeFile(path, bytes.fill(0x20, 0, 16));
  await utimes(path, atime, mtime);
}
