import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Descriptor, openStore, StoreError } from '../../../store/index.ts';
import { runCli } from '../cli.ts';
import { buildImage } from '../image.ts';
import { file } from '../layers.ts';
import { unsoundness } from '../sound-store.ts';
import { jobs } from '../store-kill/jobs.ts';
import { keptImage, keptName, takeImage } from '../store-kill/kept.ts';
import type { JobName } from '../store-kill/vow.ts';
import { fillDisk, freeDisk } from './fill.ts';

/*
 * Does all kinds of work on stores on a disk with no room, or room for a few pages, and prints what
 * came of it, as JSON. For a small disk of its own.
 *
 *   node dist/test/support/store-full/full-disk.js DISK HOST-OF-REGISTRY
 */

export interface FullDiskReport {
  /** How often each kind of work failed for want of room, and how often it was done. */
  readonly work: Readonly<Record<string, { readonly full: number; readonly done: number }>>;
  /** Of each: the words, the exit code, the error, and the first line of the hint. */
  readonly commands: readonly string[];
  /** What should not have happened; nothing. */
  readonly complaints: readonly string[];
}

/** Rounds of `repair` mend one thing each; what they damage needs no room. */
const rounds: Readonly<Partial<Record<JobName, readonly number[]>>> = {
  repair: [0, 1, 2, 3, 4, 5, 6, 7, 9],
};

const works: readonly JobName[] = [
  'put',
  'write',
  'fetch',
  'ingest',
  'layers.write',
  'refs',
  'leases',
  'gc',
  'repair',
  'import',
];

/** Pages of room: none, and more up to what any of the works needs. */
const rooms = [0, 1, 2, 3, 5, 8, 12, 20, 60];

const otherImage = buildImage({ layers: [[file('other', 'bytes '.repeat(10_000))]] });

const complaints: string[] = [];
let stores = 0;

async function newStore(disk: string): Promise<string> {
  stores += 1;
  const dir = join(disk, `${stores}`);
  const store = await openStore(dir);
  await takeImage(store, keptName, keptImage);
  await store.close();
  return dir;
}

/** True when it was done, false when there was no room for it. */
async function attempt(dir: string, job: JobName, round: number): Promise<boolean> {
  const store = await openStore(dir, { repair: job === 'repair' });
  try {
    await jobs[job](store, round);
    return true;
  } catch (error) {
    const isFull = error instanceof StoreError && error.code === 'STORE_FULL';
    if (!isFull || error.hint === undefined) throw error;
    return false;
  } finally {
    await store.close();
  }
}

/** On a full disk it fails as such and leaves nothing half-done; with room it is done then. */
async function workWithout(disk: string, job: JobName, round: number, room: number) {
  const dir = await newStore(disk);
  const complain = (text: string): void =>
    void complaints.push(`${job} ${round}, room for ${room} pages: ${text}`);
  try {
    fillDisk(disk, room);
    const isDone = await attempt(dir, job, round);
    const isLasting = (line: string): boolean => job === 'leases' && line.endsWith('.lease');
    // What was damaged before it began may be so still.
    if (job !== 'repair')
      unsoundness(dir, { packed: true })
        .filter((line) => !isLasting(line))
        .forEach(complain);
    freeDisk(disk);
    if (!isDone && !(await attempt(dir, job, round))) complain('full, with room for it');
    unsoundness(dir, { packed: true })
      .filter((line) => !isLasting(line))
      .forEach(complain);
    return isDone;
  } catch (error) {
    complain(error instanceof Error ? (error.stack ?? error.message) : String(error));
    return true;
  } finally {
    freeDisk(disk);
    rmSync(dir, { recursive: true });
  }
}

/** gc needs no room: it frees what nothing needs, and then names that are chosen by size, too. */
async function collectWithout(disk: string, room: number): Promise<void> {
  const dir = await newStore(disk);
  const maker = await openStore(dir);
  await takeImage(maker, 'passing', otherImage);
  await maker.blobs.put(Buffer.alloc(100_000));
  await maker.close();
  fillDisk(disk, room);
  const store = await openStore(dir);
  try {
    const { removed } = await store.gc({ maxSize: 0, keep: [keptName] });
    const names = removed.filter(({ kind }) => kind === 'name').map(({ name }) => name);
    if (names.join() !== 'passing') complaints.push(`gc: removed the names ${names}`);
    complaints.push(...unsoundness(dir));
  } catch (error) {
    complaints.push(`gc, room for ${room} pages: ${error}`);
  } finally {
    await store.close();
    freeDisk(disk);
    rmSync(dir, { recursive: true });
  }
}

async function main([disk = '', host = '']: readonly string[]): Promise<void> {
  const work: Record<string, { full: number; done: number }> = {};
  for (const job of works) {
    const counts = { full: 0, done: 0 };
    for (const round of rounds[job] ?? [0]) {
      for (const room of rooms) {
        counts[(await workWithout(disk, job, round, room)) ? 'done' : 'full'] += 1;
      }
    }
    work[job] = counts;
  }
  for (const room of [0, 1, 2]) await collectWithout(disk, room);
  const commands = await runCommands(disk, host);
  console.log(JSON.stringify({ work, commands, complaints } satisfies FullDiskReport));
}

/** The same by commands: gc makes the room that a pull needs. */
async function runCommands(disk: string, host: string): Promise<readonly string[]> {
  const dir = join(disk, 'store');
  const archive = join(disk, 'archive.tar');
  const said: string[] = [];
  const run = async (...words: readonly string[]): Promise<void> => {
    const { code, stderr } = await runCli([...words, '--quiet', '--store', dir], {
      env: { XDG_CONFIG_HOME: disk },
    });
    const [first = '', hint = ''] = stderr.replaceAll(disk, 'DISK').split('\n');
    const [error = ''] = /\([A-Z_]+\)$/.exec(first) ?? [];
    const shown = words.map((word) => word.replace(`${host}/`, '').replace(`${disk}/`, ''));
    said.push([shown.join(' '), `${code}`, error, hint.trim()].filter(Boolean).join('; '));
    // What a pull leaves is whole; what was lost before is mended when there is room.
    for (const line of unsoundness(dir, { packed: true })) {
      if (!line.startsWith('no ')) complaints.push(`${words.join(' ')}: ${line}`);
    }
  };
  await run('pull', `${host}/passing:1`);
  await run('pull', `${host}/named:1`);
  await run('store', 'export', `${host}/passing:1`, '-o', archive);
  await run('rm', `${host}/passing:1`);
  fillDisk(disk, 0);
  await run('pull', `${host}/other:1`);
  await run('store', 'import', archive);
  await run('store', 'verify', '--full');
  await run('images');
  await run('store', 'gc');
  await run('pull', `${host}/other:1`);
  rmSync(manifestOf(dir, `${host}/other:1`));
  fillDisk(disk, 0);
  await run('store', 'verify', '--repair');
  await run('rm', `${host}/other:1`);
  await run('store', 'gc', '--max-size', '0');
  freeDisk(disk);
  await run('store', 'verify', '--full');
  return said;
}

function manifestOf(store: string, name: string): string {
  const { manifests }: { manifests: readonly Descriptor[] } = JSON.parse(
    readFileSync(join(store, 'index.json'), 'utf8'),
  );
  const entry = manifests.find(({ annotations }) =>
    Object.values(annotations ?? {}).includes(name),
  );
  return join(store, 'blobs', ...(entry?.digest.split(':') ?? []));
}

await main(process.argv.slice(2));
