import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { ConvertError } from '../../../src/error.ts';
import { withNamesake } from '../../../src/pull/namesake.ts';
import { bootSectorDisk } from '../../support/boot-sector.ts';
import { runCli } from '../../support/cli.ts';
import { file, layerTar } from '../../support/layers.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const folder = temporaryFolder('namesake');

beforeAll(() => {
  const tar = (...names: string[]) => layerTar(names.map((name) => file(name, 'x')));
  const files: Readonly<Record<string, Uint8Array>> = {
    'saved.tar': tar('manifest.json'),
    'layout.tar': tar('index.json'),
    'other.tar': tar('readme'),
    'web.tar.gz': gzipSync(tar('manifest.json')),
    'gce.tar.gz': gzipSync(tar('disk.raw')),
    'two words.tar': tar('index.json'),
    'app:1': tar('manifest.json'),
    web: bootSectorDisk('', 'stay'),
    text: Buffer.from('no image'),
  };
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes);
  for (const name of ['dir', 'plain']) mkdirSync(join(folder, name));
  writeFileSync(join(folder, 'dir/oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
});

const missing = new ConvertError('IMAGE_NOT_FOUND', 'fetching: found nothing, wanted an image', {
  hint: 'check the spelling of name and tag',
});

describe('withNamesake', () => {
  it.each([
    ['saved.tar', 'file', 'osv-convert ls docker-archive:HERE/saved.tar'],
    ['layout.tar', 'file', 'osv-convert ls oci-archive:HERE/layout.tar'],
    ['other.tar', 'file', 'tar -tvf HERE/other.tar'],
    ['web.tar.gz', 'file', 'osv-convert ls docker-archive:HERE/web.tar.gz'],
    ['gce.tar.gz', 'file', 'tar -xzf HERE/gce.tar.gz disk.raw'],
    ['two words.tar', 'file', "osv-convert ls 'oci-archive:HERE/two words.tar'"],
    ['web', 'file', 'osv-convert disk inspect HERE/web'],
    ['dir', 'folder', 'osv-convert ls oci:HERE/dir'],
    ['dir/', 'folder', 'osv-convert ls oci:HERE/dir'],
  ])(
    'names what reads %s when it lies here and no image of that name was found',
    (name, kind, command) => {
      expect(withNamesake(join(folder, name), missing)).toMatchObject({
        ...{ code: 'IMAGE_NOT_FOUND', message: missing.message },
        hint: `a ${kind} of that name is here: ${command.replace('HERE', folder)}\n${missing.hint}`,
      });
    },
  );

  it.each(['absent', 'text', 'plain', 'app:1'])(
    'leaves the error as it is when of %s nothing can be read',
    (name) => {
      expect(withNamesake(join(folder, name), missing)).toBe(missing);
    },
  );

  it.each([
    new ConvertError('REGISTRY_RATE_LIMITED', 'fetching: found a rate limit'),
    new Error('a defect'),
  ])('leaves %s as it is when that says nothing of a name', (error) => {
    expect(withNamesake(join(folder, 'dir'), error)).toBe(error);
  });

  it.each([
    ['dir', 5, 'oci:dir', 'osv-convert pull --platform linux/amd64 docker.io/library/dir:latest'],
    ['./dir', 2, 'oci:./dir', 'write oci:DIR[:TAG]'],
    ['saved.tar', 5, 'docker-archive:saved.tar', 'osv-convert pull --platform'],
  ])('is asked by the tool when an image %s is not found', async (name, code, wanted, before) => {
    const told = await runCli(['inspect', name, '--offline', '--store', join(folder, 'store')], {
      cwd: folder,
    });
    expect(told.stderr).toContain(`that name is here: osv-convert ls ${wanted} --store `);
    expect(told.stderr).toContain(before);
    expect(told.code).toBe(code);
  });
});
