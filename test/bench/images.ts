import { execFileSync } from 'node:child_process';
import {
  cpSync,
  createReadStream,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { debianBase } from '../support/apps/debian-base.ts';
import { fixtureApp } from '../support/apps/fixture-apps.ts';
import { configOf, runtimeLayer, tarOf } from '../support/apps/host-app.ts';
import { findProgram } from '../support/docker-registry.ts';
import {
  type LayoutWriter,
  manifestsOf,
  openLayoutWriter,
  type WrittenLayer,
} from './layout-writer.ts';
import { manyEntries, manyFiles, tarOfItems, textOf } from './synthetic-tars.ts';

/*
 * The images that are measured, in an OCI image layout that is kept:
 *
 * - `app`: Debian, .NET and a published app with a site, 250 MB in 7,000 entries and three layers
 * - `app-changed`: the same, its app built anew; the other layers are equal
 * - `app-zstd`: `app` with layers compressed by zstd; the others have gzip
 * - `app-20k`: `app` and a layer of small entries, 20,000 entries in all
 * - `files`: one layer of 20,000 files, 230 MB
 * - `medium`, `large`: one layer of 105 MB, of 1.05 GB: a runtime, once and ten times
 * - `million`: one layer of 1,000,000 small entries
 *
 *   npm run build && node dist/test/bench/images.js [NAME...]
 *
 * makes those that are missing, or the ones named, and prints a reference of each. Needs Debian and .NET.
 */

export const imageNames: readonly string[] = [
  ...['app', 'app-changed', 'app-zstd', 'app-20k', 'files', 'medium', 'large', 'million'],
];

/** Where images are kept. Its version changes with what an image is made of. */
export const layoutFolder = (work: string): string => join(work, 'images-1');

export const defaultWork = join(
  process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'),
  'osv-convert-bench',
);

/** Makes those of the images that `work` does not have. Returns the layout they are in. */
export async function makeImages(work: string, names: readonly string[]): Promise<string> {
  const layout = openLayoutWriter(layoutFolder(work));
  const makers = imageMakers(layout, work);
  for (const name of names) {
    if (manifestsOf(layout.folder).has(name)) continue;
    const make = makers[name];
    if (make === undefined) throw new Error(`makeImages: there is no ${name}`);
    await make(name);
  }
  return layout.folder;
}

function imageMakers(
  layout: LayoutWriter,
  work: string,
): Readonly<Record<string, (name: string) => Promise<void>>> {
  /** All at once: what Debian has today, all of them have. */
  const ofApp = async () => {
    const base = [wanted(debianBase(), 'Debian'), wanted(runtimeLayer(), '.NET')];
    const add = async (tars: readonly Uint8Array[], compression: 'gzip' | 'zstd') => {
      const layers: WrittenLayer[] = [];
      for (const tar of tars) layers.push(await layout.addLayer(inPieces([tar]), compression));
      return layers;
    };
    const below = await add(base, 'gzip');
    const app = appTar(work, 0);
    const config = configOf(webApp);
    const above = await add([app], 'gzip');
    const small = await layout.addLayer(inPieces(tarOfItems(manyEntries(13_000))), 'gzip');
    layout.addImage('app', [...below, ...above], config);
    layout.addImage('app-20k', [...below, ...above, small], config);
    layout.addImage('app-changed', [...below, ...(await add([appTar(work, 1)], 'gzip'))], config);
    layout.addImage('app-zstd', await add([...base, app], 'zstd'), config);
  };
  const ofItems = (items: Parameters<typeof tarOfItems>[0]) => async (name: string) => {
    const layer = await layout.addLayer(inPieces(tarOfItems(items)), 'gzip');
    layout.addImage(name, [layer], {});
  };
  const ofRuntimes = (count: number) => async (name: string) => {
    const tar = join(work, `${name}.tar`);
    writeRuntimes(tar, count);
    const layer = await layout.addLayer(createReadStream(tar), 'gzip');
    layout.addImage(name, [layer], {});
    rmSync(tar);
  };
  return {
    app: ofApp,
    'app-changed': ofApp,
    'app-zstd': ofApp,
    'app-20k': ofApp,
    files: ofItems(manyFiles(20_000)),
    medium: ofRuntimes(1),
    large: ofRuntimes(10),
    million: ofItems(manyEntries(1_000_000)),
  };
}

const webApp = fixtureApp('web');

/** The published app with a site of 2,200 files, as its `build`th publishing leaves it. */
function appTar(work: string, build: number): Uint8Array {
  const folder = mkdtempSync(join(work, 'app-'));
  try {
    cpSync(webApp.folder, folder, { recursive: true });
    for (let at = 0; at < 2200; at += 1) {
      const part = join(folder, 'wwwroot', `part-${at % 40}`);
      mkdirSync(part, { recursive: true });
      writeFileSync(join(part, `script-${at}.js`), textOf(2000 + ((at * 7919) % 16_000), at));
    }
    stampAssembly(join(folder, 'web.dll'), build);
    writeFileSync(join(folder, 'wwwroot/build.txt'), `build ${build}\n`);
    execFileSync('find', [
      folder,
      '-exec',
      'touch',
      '--no-dereference',
      '-d',
      '@1700000000',
      '{}',
      '+',
    ]);
    return tarOf(folder, 'app');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Compilers put a hash of the sources in the place of the time (PE/COFF, TimeDateStamp). */
function stampAssembly(path: string, stamp: number): void {
  const bytes = readFileSync(path);
  bytes.writeUInt32LE(stamp, bytes.readUInt32LE(0x3c) + 8);
  writeFileSync(path, bytes);
}

function writeRuntimes(tar: string, count: number): void {
  const dotnet = dirname(realpathSync(wanted(findProgram('dotnet'), '.NET')));
  const options = ['--owner=0', '--group=0', '--sort=name', '-C', dotnet, '--file', tar];
  rmSync(tar, { force: true });
  for (let at = 0; at < count; at += 1) {
    execFileSync('tar', ['--append', ...options, `--transform=s,^,opt/dotnet-${at}/,S`, 'shared']);
  }
}

async function* inPieces(pieces: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; at += 2 ** 20) yield piece.subarray(at, at + 2 ** 20);
  }
}

function wanted<T>(found: T | undefined, what: string): T {
  if (found === undefined) throw new Error(`making images: found no ${what} here, wanted one`);
  return found;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  mkdirSync(defaultWork, { recursive: true });
  const given = process.argv.slice(2);
  const names = given.length > 0 ? given : imageNames;
  const folder = await makeImages(defaultWork, names);
  for (const name of names) console.log(`oci:${folder}:${name}`);
}
