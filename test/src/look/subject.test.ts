import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { isFile } from '../../../src/look/subject.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const words = { doing: 'opening', command: 'ls', hint: 'build one' };

const folder = temporaryFolder('subject');

beforeAll(async () => {
  await mkdir(join(folder, 'layout'));
  await writeFile(join(folder, 'layout/oci-layout'), '{}');
  await writeFile(join(folder, 'web'), '');
});

describe('isFile', () => {
  it('knows files, and what can only be a reference', async () => {
    expect(await isFile(join(folder, 'web'), words)).toBe(true);
    for (const reference of ['web:1.0', 'host/web', 'oci:./layout/', 'docker://host/web']) {
      expect(await isFile(reference, words)).toBe(false);
    }
  });

  it.each(['.', '..', 'src/', '/tmp'])('says that %s is a folder, without a hint', async (path) => {
    await expect(isFile(path, words)).rejects.toMatchObject({
      ...{ code: 'USAGE', hint: undefined },
      message: `opening ${path}: found a folder, wanted a disk or an image reference`,
    });
  });

  it('tells how an OCI layout is named', async () => {
    const layout = join(folder, 'layout');
    for (const path of [layout, `${layout}/`]) {
      await expect(isFile(path, words)).rejects.toMatchObject({
        ...{ code: 'USAGE', hint: `osv-convert ls oci:${layout}` },
        message: expect.stringContaining('found a folder, an OCI layout,'),
      });
    }
  });

  it('refuses a path at which nothing is', async () => {
    await expect(isFile('none/', words)).rejects.toMatchObject({ code: 'USAGE', hint: words.hint });
  });
});
