import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  createReadStream,
  fsyncSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createGunzip } from 'node:zlib';
import { defaultLimits, digestOf, type Entry, openStore, parseDiffID } from '../../store/index.ts';
import { createTarReader } from '../../store/tar/reader.ts';
import { compress, file, layerTar } from '../support/layers.ts';

/*
 * What taking in a layer costs: one of 20,000 files, 205 MiB of them, gzip. Prints, in interleaved
 * runs each in a process of its own, `layers.ingest` beside loops that do less: `inflate` only that,
 * `bare` also hashes the tar and writes it, `row` reads the tar uncompressed, hashes it and each of
 * its files, and writes it and the entries, each flushed.
 *
 *   npm run build && node dist/test/bench/ingest.js
 */

const files = 20_000;
const rounds = 5;
const options = { chunkSize: 2 ** 18, highWaterMark: 2 ** 18 };

/** Half of a file repeats itself, as in libraries. */
function makeLayer(): Uint8Array {
  const text = randomBytes(3000).toString('hex');
  const items = Array.from({ length: files }, (_, at) => {
    const size = 1000 + ((at * 7919) % 20_000);
    const bytes = Buffer.concat([randomBytes(size >> 1), Buffer.from(text.slice(0, size >> 1))]);
    return file(`usr/share/app/folder-${at % 400}/file-${at}.dll`, bytes);
  });
  return layerTar(items);
}

async function inflate(dir: string, take: (chunk: Uint8Array) => void): Promise<void> {
  const source = createReadStream(join(dir, 'blob'), options);
  for await (const chunk of source.pipe(createGunzip(options))) take(chunk);
}

async function bare(dir: string): Promise<void> {
  const fd = openSync(join(dir, 'out'), 'w');
  const hash = createHash('sha256');
  await inflate(dir, (chunk) => {
    hash.update(chunk);
    writeSync(fd, chunk);
  });
  hash.digest();
  closeFlushed(fd);
}

function row(dir: string): void {
  const fd = openSync(join(dir, 'out'), 'w');
  const hash = createHash('sha256');
  const entries: Entry[] = [];
  const reader = createTarReader((entry) => entries.push(entry), defaultLimits);
  const source = openSync(join(dir, 'tar'), 'r');
  const buffer = Buffer.alloc(2 ** 20);
  for (let count = readSync(source, buffer); count > 0; count = readSync(source, buffer)) {
    const chunk = buffer.subarray(0, count);
    hash.update(chunk);
    reader.push(chunk);
    writeSync(fd, chunk);
  }
  reader.end();
  hash.digest();
  closeFlushed(fd);
  const index = openSync(join(dir, 'index'), 'w');
  writeSync(index, JSON.stringify(entries));
  closeFlushed(index);
}

function closeFlushed(fd: number): void {
  fsyncSync(fd);
  closeSync(fd);
}

async function ours(dir: string, diffID: string): Promise<void> {
  const store = await openStore(join(dir, 'store'));
  const blob = parseDiffID(readFileSync(join(dir, 'digest'), 'utf8'));
  await store.layers.ingest(blob, parseDiffID(diffID));
  await store.close();
}

const jobs: Readonly<Record<string, (dir: string, diffID: string) => Promise<void> | void>> = {
  inflate: (dir) => inflate(dir, () => {}),
  bare,
  row,
  ours,
};

const [job, dir = '', diffID = ''] = process.argv.slice(2);
if (job === undefined) await compare();
else {
  const before = process.cpuUsage();
  const begin = performance.now();
  await jobs[job]?.(dir, diffID);
  const { user, system } = process.cpuUsage(before);
  console.log(JSON.stringify({ wall: performance.now() - begin, cpu: (user + system) / 1000 }));
}

async function compare(): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'osv-convert-bench-'));
  try {
    const tar = makeLayer();
    const blob = compress(tar, 'gzip');
    writeFileSync(join(dir, 'blob'), blob);
    writeFileSync(join(dir, 'tar'), tar);
    const store = await openStore(join(dir, 'store'));
    writeFileSync(join(dir, 'digest'), await store.blobs.put(blob));
    await store.close();
    const found = new Map<string, { wall: number; cpu: number }[]>();
    for (let round = 0; round < rounds; round += 1) {
      for (const name of Object.keys(jobs)) {
        rmSync(join(dir, 'store/layers'), { recursive: true, force: true });
        const args = [fileURLToPath(import.meta.url), name, dir, digestOf(tar)];
        const result = JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }));
        found.set(name, [...(found.get(name) ?? []), result]);
      }
    }
    console.log(`${files} files, ${tar.length >> 20} MiB, ${blob.length >> 20} MiB compressed`);
    const cpu = (name: string) => median(found.get(name), 'cpu');
    for (const [name, results] of found) {
      const wall = median(results, 'wall').toFixed(0);
      console.log(`${name.padEnd(8)}${wall} ms, ${cpu(name).toFixed(0)} ms of CPU`);
    }
    console.log(`ours / bare: ${(cpu('ours') / cpu('bare')).toFixed(2)} of CPU`);
    const rest = cpu('ours') - cpu('inflate');
    console.log(`(ours - inflate) / row: ${(rest / cpu('row')).toFixed(2)} of CPU`);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

function median(
  results: readonly { wall: number; cpu: number }[] = [],
  key: 'wall' | 'cpu',
): number {
  const sorted = results.map((result) => result[key]).sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}
