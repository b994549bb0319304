import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createValidator } from '../../../schemas/index.ts';
import { runCli } from '../../support/cli.ts';
import { type BuiltImage, buildImage } from '../../support/image.ts';
import { directory, file } from '../../support/layers.ts';
import { type Registry, startRegistry } from '../../support/registry/registry.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { berkeleyDatabase, rpmHeader } from '../sbom/databases.ts';

const status = 'Package: tzdata\nStatus: install ok installed\nVersion: 2024a\nArchitecture: all\n';
const deps = '{"libraries":{"web/1.0.0":{"type":"project"},"Serilog/4.0.0":{"type":"package"}}}';

const image = buildImage({
  layers: [
    [
      directory('etc'),
      file('etc/os-release', 'ID=debian\nVERSION_ID="12"\n'),
      directory('var/lib/dpkg'),
      file('var/lib/dpkg/status', status),
    ],
    [directory('app'), file('app/web.deps.json', deps)],
  ],
});

const damaged = buildImage({
  layers: [[directory('app'), file('app/web.deps.json', '{'), file('app/\u001b.deps.json', '')]],
});

const database = berkeleyDatabase([
  rpmHeader({ name: 'bash', version: '5.2', release: '3', padding: 9000 }),
]);

const rpm = buildImage({
  layers: [[directory('var/lib/rpm'), file('var/lib/rpm/Packages', database)]],
});

const folder = temporaryFolder('sbom-cli');
let registry: Registry;

const at = (name: string) => join(folder, name);
const images: Readonly<Record<string, BuiltImage>> = {
  'acme/web:1.0': image,
  'acme/damaged:1.0': damaged,
  'acme/rpm:1.0': rpm,
};

async function sbom(name: string, args: readonly string[], env = {}) {
  const reference = `${registry.host}/acme/${name}:1.0`;
  const all = ['sbom', reference, '--store', at('store'), ...args];
  return await runCli(all, { env: { SOURCE_DATE_EPOCH: undefined, ...env } });
}

beforeAll(async () => {
  registry = await startRegistry({ images });
});

afterAll(async () => {
  await registry.close();
});

describe('osv-convert sbom', () => {
  it.each(['cyclonedx', 'spdx'])('prints %s, the same at every run', async (format) => {
    const { code, stdout } = await sbom('web', ['--format', format, '--quiet']);
    expect(code).toBe(0);
    const document = JSON.parse(stdout);
    expect((await createValidator(`sbom-${format}`))(document)).toBeUndefined();
    expect((await sbom('web', ['--format', format, '--json', '-o', '-'])).stdout).toBe(stdout);
    expect(stdout).toContain('"pkg:nuget/Serilog@4.0.0"');
    expect(stdout).toContain('"pkg:deb/debian/tzdata@2024a?arch=all&distro=debian-12"');
    expect(stdout).toContain(
      `"pkg:oci/web@${image.root.digest}?arch=amd64&repository_url=${registry.host}%2Facme%2Fweb&tag=1.0"`,
    );
  });

  it('takes the time from SOURCE_DATE_EPOCH, else that of the image, which may be none', async () => {
    const timeOf = async (env = {}) =>
      JSON.parse((await sbom('web', [], env)).stdout).metadata.timestamp;
    expect(await timeOf()).toBe('1970-01-01T00:00:00Z');
    expect(await timeOf({ SOURCE_DATE_EPOCH: '1735689600' })).toBe('2025-01-01T00:00:00Z');
  });

  it('refuses a SOURCE_DATE_EPOCH that is no number of seconds', async () => {
    for (const epoch of ['yesterday', '999999999999']) {
      const { code, stderr } = await sbom('web', [], { SOURCE_DATE_EPOCH: epoch });
      expect(code).toBe(2);
      expect(stderr).toContain('SOURCE_DATE_EPOCH');
    }
  });

  it('writes a file that is whole, and tells what is in it', async () => {
    const output = at('bom.json');
    const { code, stdout } = await sbom('web', ['-o', output, '--json']);
    expect(code).toBe(0);
    const told = JSON.parse(stdout);
    expect((await createValidator('sbom'))(told)).toBeUndefined();
    expect(told).toMatchObject({
      output,
      digest: image.root.digest,
      format: 'cyclonedx',
      components: { application: 1, nuget: 1, deb: 1 },
      unread: [],
    });
    const text = await readFile(output, 'utf8');
    expect(text).toHaveLength(told.size);
    expect((await sbom('web', [])).stdout).toBe(text);
    expect((await sbom('web', ['-o', output])).stdout).toContain(
      'components  3 (1 application, 1 deb, 1 nuget)',
    );
  });

  it('warns of every file that it cannot read, and writes the rest', async () => {
    const output = at('damaged.json');
    const { code, stdout, stderr } = await sbom('damaged', ['-o', output]);
    expect(code).toBe(0);
    expect(stdout).toContain('left out    2 files');
    expect(stderr).toContain('leaves out what /app/web.deps.json tells of: found no valid JSON');
    expect(stderr).not.toContain('\u001b');
    const { metadata, compositions } = JSON.parse(await readFile(output, 'utf8'));
    expect(metadata.properties).toHaveLength(2);
    expect(compositions[0].aggregate).toBe('incomplete');
  });

  it('gets anew what the disk has damaged, and leaves nothing out', async () => {
    const { code, stdout } = await sbom('rpm', []);
    expect(code).toBe(0);
    expect(stdout).toContain('"pkg:rpm/bash@5.2-3"');
    const [layer] = rpm.layers;
    const path = at(`store/layers/v2/sha256/${layer?.diffID.slice('sha256:'.length)}/tar`);
    const tar = await readFile(path);
    // What kind of database it is.
    tar[tar.indexOf(database) + 12] = 0;
    await writeFile(path, tar);
    const again = await sbom('rpm', []);
    expect(again.stderr).not.toContain('leaves out');
    expect(again.stdout).toBe(stdout);
  });

  it('leaves nothing behind where it cannot write', async () => {
    const { code, stderr } = await sbom('web', ['-o', at('missing/bom.json')]);
    expect(code).toBe(10);
    expect(stderr).toContain('no folder');
    expect(existsSync(at('missing'))).toBe(false);
  });
});
