import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseImageLocation } from '../../../src/pull/image-location.ts';
import { bootSectorDisk } from '../../support/boot-sector.ts';

let folder: string;
let before: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'osv-convert-location-'));
  before = process.cwd();
  process.chdir(folder);
  writeFileSync('web.img', bootSectorDisk('', 'stay'));
  writeFileSync('web', bootSectorDisk('', 'stay'));
  writeFileSync('web.qcow2', 'QFI\xfb\0\0\0\x03', 'latin1');
  writeFileSync('text.img', 'no disk');
});

afterAll(() => {
  process.chdir(before);
  rmSync(folder, { recursive: true });
});

describe('parseImageLocation', () => {
  it.each(['web.img', './web.img', './web', 'web.qcow2'])(
    'says of %s that it is a disk',
    (text) => {
      expect(() => parseImageLocation(text)).toThrow(
        expect.objectContaining({
          code: 'REFERENCE_INVALID',
          message: expect.stringContaining('found a disk of that name here, wanted an image'),
          hint: `osv-convert disk inspect ${text}`,
        }),
      );
    },
  );

  it.each(['web', 'text.img', 'absent.img', 'docker.io/library/web.img'])(
    'takes %s for the name of an image',
    (text) => {
      expect(parseImageLocation(text)).toMatchObject({ transport: 'registry' });
    },
  );
});
