import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findProgram } from '../support/docker-registry.ts';
import { differenceFromUmoci, keepsAttributes } from '../support/hazards/attributes.ts';
import { differenceOf } from '../support/hazards/compare.ts';
import { tarOfMachine } from '../support/hazards/machine-tree.ts';
import {
  openFolder,
  ordinaryUser,
  unpackWithTar,
  unpackWithUmoci,
} from '../support/hazards/peers.ts';
import { type Outcome, unpack } from '../support/hazards/unpack.ts';
import { helloImage } from '../support/hello-image.ts';
import { type BuiltImage, buildImage } from '../support/image.ts';
import { writeLayout } from '../support/layout.ts';
import { imageOfApp } from '../support/published-apps.ts';
import { top } from '../support/top.ts';

let root = '';
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'osv-convert-trees-'));
  chmodSync(root, 0o755);
});
afterAll(() => execFileSync('rm', ['-rf', root]));

// A test that is not there would not be missed: the report names the tool that was.
for (const tool of ['umoci', 'tar'].filter((name) => findProgram(name) === undefined)) {
  test.skip(`real trees are equal in ${tool} (left out: ${tool} is not installed)`, () => {});
}

function committedApp(name: 'console' | 'web'): BuiltImage {
  const folder = join(top, 'fixtures/apps', name, 'publish');
  const files = new Map(
    readdirSync(folder).map((file) => [file, readFileSync(join(folder, file))]),
  );
  return imageOfApp({ name, files }, { compression: 'gzip' });
}

async function oursOf({ layers }: BuiltImage): Promise<Outcome> {
  return await unpack(layers.map(({ blob }) => blob));
}

async function differenceAsImage(
  name: string,
  image: BuiltImage,
  ours: Outcome,
): Promise<string | undefined> {
  const layout = join(root, `${name}.layout`);
  await writeLayout(layout, 'it', image);
  const bundle = join(await openFolder(join(root, `${name}.umoci`)), 'bundle');
  const theirs = await unpackWithUmoci(layout, 'it', bundle, ordinaryUser);
  return differenceFromUmoci(ours, theirs, join(bundle, 'rootfs'), keepsAttributes(root));
}

describe.runIf(findProgram('umoci'))('what flatten gives equals umoci unpack --rootless', () => {
  test.each([
    ['hello-aot', () => helloImage()],
    ['console', () => committedApp('console')],
    ['web', () => committedApp('web')],
  ] as const)('when the image is %s', async (name, image) => {
    const built = await image();
    expect(await differenceAsImage(name, built, await oursOf(built))).toBeUndefined();
  });
});

describe.runIf(findProgram('umoci') && findProgram('tar'))(
  'trees of this machine are equal',
  () => {
    test.each([
      // umoci 0.4.7 knows no sparse files of this format.
      ['gnu', []],
      ['posix', ['--sparse']],
    ])('in umoci and GNU tar when it packed them as %s %j', async (format, options) => {
      const tar = tarOfMachine(root, [`--format=${format}`, ...options]);
      const image = buildImage({ layers: [tar], compression: 'none' });
      const ours = await oursOf(image);
      expect('listed' in ours && ours.listed.length).toBeGreaterThan(2000);
      expect(await differenceAsImage(format, image, ours)).toBeUndefined();
      expect(await differenceFromTar(ours, format, tar)).toBeUndefined();
    });

    test('in GNU tar when it packed files with holes as gnu', async () => {
      const tar = tarOfMachine(root, ['--format=gnu', '--sparse']);
      expect(await differenceFromTar(await unpack([tar]), 'gnu-sparse', tar)).toBeUndefined();
    });

    async function differenceFromTar(
      ours: Outcome,
      name: string,
      tar: Uint8Array,
    ): Promise<string | undefined> {
      const folder = await openFolder(join(root, `${name}.tar`));
      writeFileSync(join(folder, 'it.tar'), tar);
      const theirs = await unpackWithTar(join(folder, 'it.tar'), join(folder, 'it'), ordinaryUser);
      return differenceOf(ours, theirs, { owners: false });
    }
  },
);
