import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeFiles } from '../../store/files/node.ts';
import { newWalk, walkGraph } from '../../store/graph/graph.ts';
import { digestOf, type FileEntry, openStore, parseDiffID } from '../../store/index.ts';
import { layoutOf } from '../../store/layout.ts';
import { layerIndexText } from '../support/layer-index-text.ts';
import { makeSyntheticStore } from '../support/synthetic-store.ts';

/*
 * How the store grows: makes stores of 1,000, 10,000 and 100,000 blobs of 10, 100 and 1,000 images,
 * all layers of which are unpacked, and prints how long each call takes in a process of its own,
 * from opening the store on, of that how long the processors worked, and its most memory. The last lines are about one
 * layer of 100,000 entries, and about equal files in 100 layers of 20,000.
 *
 *   npm run build && node dist/test/bench/store-scale.js [BLOBS...]
 */

const repetitions = 3;
const megabyte = 2 ** 20;

interface Measured {
  /** Milliseconds. */
  readonly time: number;
  /** Milliseconds of processors: what a busy machine shows more truly. */
  readonly work: number;
  /** Bytes: the most that were resident. */
  readonly memory: number;
}

type Job = (dir: string) => Promise<unknown>;

const digestOfNumber = (number: number) => digestOf(Buffer.from(`${number}`));

const jobs: Readonly<Record<string, Job>> = {
  nothing: async () => {},
  open: (dir) => openStore(dir),
  'resolve a name': async (dir) => (await openStore(dir)).refs.get('example.com/app-0:1.0'),
  'set a name': async (dir) => {
    const store = await openStore(dir);
    await store.refs.set('example.com/new:1.0', {
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      digest: digestOfNumber(Math.random()),
      size: 1,
    });
    await store.close();
  },
  usage: async (dir) => (await openStore(dir)).usage(),
  'usage: layers': async (dir) => (await openStore(dir)).usage({ layers: true }),
  'usage: duplicates': async (dir) => (await openStore(dir)).usage({ duplicates: true }),
  'gc: dry run': async (dir) => (await openStore(dir)).gc({ dryRun: true }),
  walkGraph: async (dir) => {
    const refs = await (await openStore(dir)).refs.list();
    const roots = refs.map(({ descriptor }) => descriptor.digest);
    await walkGraph({ files: nodeFiles, layout: layoutOf(dir) }, roots, newWalk());
  },
  'open a layer': async (dir) => (await (await openStore(dir)).layers.open(oneLayer)).close(),
};

const oneLayer = parseDiffID(digestOfNumber(0));

const [first, second, ...rest] = process.argv.slice(2);
if (first === 'run') await run(second ?? '', rest[0] ?? '');
else
  await main([first, second, ...rest].flatMap((size) => (size === undefined ? [] : Number(size))));

async function run(name: string, dir: string): Promise<void> {
  const started = performance.now();
  const before = process.cpuUsage();
  await jobs[name]?.(dir);
  const time = performance.now() - started;
  const { user, system } = process.cpuUsage(before);
  const memory = process.resourceUsage().maxRSS * 1024;
  process.stdout.write(
    JSON.stringify({ time, work: (user + system) / 1000, memory } satisfies Measured),
  );
}

async function main(given: readonly number[]): Promise<void> {
  const sizes = given.length > 0 ? given : [1000, 10_000, 100_000];
  const folder = mkdtempSync(join(tmpdir(), 'osv-convert-scale-'));
  try {
    for (const blobs of sizes) {
      const dir = join(folder, `${blobs}`);
      makeSyntheticStore(dir, blobs, blobs / 100);
      say(`\n${blobs} blobs, ${blobs / 100} images`);
      for (const name of Object.keys(jobs)) {
        if (name !== 'open a layer') report(name, dir);
      }
      rmSync(dir, { recursive: true });
    }
    const names = sizes.map((blobs) => blobs / 100);
    for (const count of names) await reportNames(join(folder, `names-${count}`), count);
    const wide = join(folder, 'wide');
    makeWideLayers(wide, 1, 100_000);
    say('\n1 layer of 100000 entries');
    report('open a layer', wide);
    const many = join(folder, 'many');
    makeWideLayers(many, 100, 20_000);
    say('\n100 layers of 20000 files');
    report('usage: duplicates', many);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The fastest run, and the least memory: whatever else the machine does only adds. */
function report(name: string, dir: string): void {
  const runs = Array.from({ length: repetitions }, (): Measured => {
    const program = fileURLToPath(import.meta.url);
    const output = execFileSync(process.execPath, [program, 'run', name, dir], {
      encoding: 'utf8',
    });
    return JSON.parse(output);
  });
  const least = (of: keyof Measured) => Math.min(...runs.map((run) => run[of]));
  say(line(name, { time: least('time'), work: least('work'), memory: least('memory') }));
}

async function reportNames(dir: string, count: number): Promise<void> {
  const store = await openStore(dir);
  const started = performance.now();
  const before = process.cpuUsage();
  for (let at = 0; at < count; at += 1) {
    await store.refs.set(`example.com/app-${at}:1.0`, {
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      digest: digestOfNumber(at),
      size: 1,
    });
  }
  const time = performance.now() - started;
  const { user, system } = process.cpuUsage(before);
  const memory = process.memoryUsage.rss();
  say(line(`set ${count} names`, { time, work: (user + system) / 1000, memory }));
  await store.close();
}

function line(name: string, { time, work, memory }: Measured): string {
  const inMilliseconds = (value: number) => `${value.toFixed(1).padStart(10)} ms`;
  const inMegabytes = `${(memory / megabyte).toFixed(0).padStart(6)} MB`;
  return [name.padEnd(20), inMilliseconds(time), inMilliseconds(work), inMegabytes].join(' ');
}

/** Layers as an index tells of them; half of the files of each are in the next one too. */
function makeWideLayers(dir: string, layers: number, entries: number): void {
  const layout = layoutOf(dir);
  mkdirSync(layout.ownLayers, { recursive: true });
  writeFileSync(layout.marker, '{"imageLayoutVersion":"1.0.0"}\n');
  for (let layer = 0; layer < layers; layer += 1) {
    const diffID = parseDiffID(digestOfNumber(layer));
    const files = Array.from({ length: entries }, (_, at): FileEntry => {
      const content = (layer * entries) / 2 + at;
      return {
        kind: 'file',
        path: `usr/share/dotnet/shared/Microsoft.NETCore.App/${at % 100}/file-${content}.dll`,
        mode: 0o644,
        uid: 0,
        gid: 0,
        mtime: 1_700_000_000 + at,
        size: content % 10_000,
        offset: 512 * at,
        digest: digestOfNumber(content),
      };
    });
    const paths = layout.layer(diffID);
    mkdirSync(paths.folder);
    writeFileSync(paths.tar, '');
    writeFileSync(paths.index, layerIndexText({ diffID, size: 0, entries: files }));
  }
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
