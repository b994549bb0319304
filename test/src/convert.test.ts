import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createValidator } from '../../schemas/index.ts';
import { convert } from '../../src/convert.ts';
import { diskFormats, diskSizeIn } from '../../src/disk/formats.ts';
import { digestOf, openStore, type Store } from '../../store/index.ts';
import { helloImage } from '../support/hello-image.ts';
import { writeLayout } from '../support/layout.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const folder = temporaryFolder('convert');
let store: Store;
beforeAll(async () => {
  store = await openStore(join(folder, 'store'));
  await writeLayout(join(folder, 'hello'), '1', await helloImage());
});
afterAll(async () => {
  await store.close();
});

const direct = { boot: 'direct', hostEnv: {} } as const;

describe('convert', () => {
  const hello = () => `oci:${join(folder, 'hello')}:1`;

  it('refuses to start when its report cannot be written', async () => {
    const output = join(folder, 'web.raw');
    await mkdir(`${output}.json`);
    // Nothing listens there: whoever pulls first fails otherwise.
    await expect(convert(store, '127.0.0.1:1/web', output, direct)).rejects.toMatchObject({
      code: 'OUTPUT_UNUSABLE',
    });
    expect(await readdir(folder)).not.toContain('web.raw');
  });

  it('refuses to start when nobody could boot what it is to write', async () => {
    for (const [output, options] of [
      [join(folder, 'web.ova'), {}],
      [join(folder, 'web.tar.gz'), {}],
      [join(folder, 'web.vdi'), { compression: 'zlib' }],
      ['store:web', { format: 'ova' }],
    ] as const) {
      await expect(
        convert(store, '127.0.0.1:1/web', output, { ...direct, ...options }),
      ).rejects.toMatchObject({ code: 'USAGE' });
    }
  });

  it('writes every format twice alike, and tells the size that the disk has in it', async () => {
    const validate = await createValidator('report');
    const raw = await convert(store, hello(), join(folder, 'disk.raw'), direct);
    for (const format of diskFormats.filter((one) => one !== 'ova' && one !== 'gce')) {
      const [first, second] = [join(folder, `first.${format}`), join(folder, 'second')];
      // No name tells a dynamic VHD.
      const options = format === 'vhd-dynamic' ? { ...direct, format } : direct;
      const report = await convert(store, hello(), first, options);
      expect(report.disk).toEqual({
        ...raw.disk,
        format,
        size: diskSizeIn(format, raw.disk.size),
      });
      expect(validate(JSON.parse(await readFile(`${first}.json`, 'utf8')))).toBeUndefined();
      await convert(store, hello(), second, { ...direct, format });
      expect(digestOf(await readFile(second))).toBe(digestOf(await readFile(first)));
    }
  });

  it('puts a disk for KubeVirt into the store, and no file anywhere', async () => {
    const before = await readdir(folder);
    const report = await convert(store, hello(), 'store:hello-disk', direct);
    expect(report.disk.format).toBe('containerdisk');
    expect((await createValidator('report'))(report)).toBeUndefined();
    const ref = await store.refs.get('docker.io/library/hello-disk:latest');
    expect(ref?.platform).toEqual({ os: 'linux', architecture: 'amd64' });
    expect(await readdir(folder)).toEqual(before);
  });
});
