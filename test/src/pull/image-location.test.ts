import { writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseImageLocation } from '../../../src/pull/image-location.ts';
import { bootSectorDisk } from '../../support/boot-sector.ts';
import { runCli } from '../../support/cli.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const folder = temporaryFolder('location');

beforeAll(() => {
  writeFileSync(join(folder, 'web.img'), bootSectorDisk('', 'stay'));
  writeFileSync(join(folder, 'web'), bootSectorDisk('', 'stay'));
  writeFileSync(join(folder, 'web.qcow2'), 'QFI\xfb\0\0\0\x03', 'latin1');
  writeFileSync(join(folder, 'text.img'), 'no disk');
});

describe('parseImageLocation', () => {
  it.each(['web.img', 'web', 'web.qcow2'])('says of the path of %s that it is a disk', (name) => {
    for (const path of [join(folder, name), relative(process.cwd(), join(folder, name))]) {
      expect(() => parseImageLocation(path)).toThrow(
        expect.objectContaining({
          code: 'REFERENCE_INVALID',
          message: expect.stringContaining('found a disk of that name here, wanted an image'),
          hint: `osv-convert disk inspect ${path}`,
        }),
      );
    }
  });

  it('says of web.img that it is a disk, and not of web, when both lie in the working directory', async () => {
    const inspect = ['inspect', '--offline', '--store', join(folder, 'store')];
    const disk = await runCli([...inspect, 'web.img'], { cwd: folder });
    expect(disk.stderr).toContain('osv-convert disk inspect web.img');
    expect(disk.code).toBe(2);
    const image = await runCli([...inspect, 'web'], { cwd: folder });
    expect(image.stderr).toContain('docker.io/library/web');
    expect(image.code).toBe(5);
  });

  it.each(['text.img', 'absent.img', 'docker.io/library/web.img'])(
    'takes %s for the name of an image',
    (text) => {
      expect(parseImageLocation(text)).toMatchObject({ transport: 'registry' });
    },
  );
});
