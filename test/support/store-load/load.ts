import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { type CliResult, runCli } from '../cli.ts';
import type { Image } from '../image.ts';
import { type Registry, startRegistry } from '../registry/registry.ts';
import { seededRandom } from '../seeded-random.ts';
import { unsoundness } from '../sound-store.ts';
import { top } from '../top.ts';
import { chooseDeed, type Deed, type Ground } from './commands.ts';
import { lasting, loadImages } from './images.ts';
import { readOnce } from './readers.ts';
import type { Told } from './resident.ts';
import { createTally, type Tally } from './tally.ts';

export interface LoadOptions {
  /** Empty; the store and all else goes below it. */
  readonly folder: string;
  /** Chooses what is done in what order; what comes first of what runs at one time is chance. */
  readonly seed: number;
  readonly seconds: number;
  /** Each who runs commands runs so many, however long that takes. */
  readonly least?: number;
}

export interface LoadReport {
  readonly counts: ReadonlyMap<string, number>;
  /** Blobs that were asked for of the registry, and that gc told it removed. */
  readonly fetched: number;
  readonly removed: number;
  /** What should not have happened; nothing. */
  readonly complaints: readonly string[];
}

/** Processes that use the store at one time: some run one command after the other, some stay. */
const commanders = 6;
const residents = 2;
/** Who read it beside them. */
const onlookers = 2;
/** In milliseconds. */
const longestPause = 200;

/**
 * Eight processes at a time pull, build, tag, remove, collect, verify, list, export and import in one
 * store, and others read it. It must look to each as if he were alone.
 */
export async function runLoad(options: LoadOptions): Promise<LoadReport> {
  const { folder, seed, seconds, least = 4 } = options;
  const images = await loadImages(seed);
  const registry = await startRegistry({ images });
  const tally = createTally();
  const removed = new Map<string, number>();
  const noteRemoved = (digests: readonly string[]): void => {
    for (const digest of digests) removed.set(digest, (removed.get(digest) ?? 0) + 1);
  };
  try {
    const store = join(folder, 'store');
    const work = join(folder, 'work');
    mkdirSync(work);
    const cli = (...words: readonly string[]): Promise<CliResult> =>
      runCli([...words, '--store', store], {
        cwd: work,
        env: { XDG_CONFIG_HOME: work, XDG_CACHE_HOME: work },
      });
    const passing = Object.keys(images).filter(
      (name) => name !== lasting.kept && name !== lasting.held,
    );
    const ground: Ground = { host: registry.host, names: passing, folder: work };
    const lease = await prepare(cli, ground);

    const begin = Date.now();
    const isOver = (): boolean => Date.now() - begin > seconds * 1000;
    const run = async (deed: Deed): Promise<void> => {
      const result = await cli(...deed.words);
      judge(deed, result, tally);
      if (result.code === 0 && deed.words.includes('gc') && !deed.words.includes('--dry-run')) {
        noteRemoved(blobsIn(result.stdout));
      }
    };
    const command = async (own: string, random: () => number): Promise<void> => {
      for (let done = 0; !isOver() || done < least; done += 1) {
        await run(chooseDeed(random, own, ground));
      }
    };
    const look = async (own: string, random: () => number): Promise<void> => {
      while (!isOver()) {
        await readOnce(store, random, tally, join(work, `${own}-scratch`));
        // Most of two processors is left to those who write.
        await delay(2 * longestPause * random());
      }
    };
    const others = Array.from({ length: residents }, (_, at) =>
      startResident(
        store,
        seed + at,
        passing.map((name) => `${registry.host}/${name}`),
        {
          tally,
          noteRemoved,
        },
      ),
    );
    await Promise.all([
      ...Array.from({ length: commanders }, (_, at) =>
        command(`${at}`, seededRandom(seed * 100 + at)),
      ),
      ...Array.from({ length: onlookers }, (_, at) =>
        look(`${at}`, seededRandom(seed * 100 + 50 + at)),
      ),
    ]);
    await Promise.all(others.map(({ end }) => end()));

    const demand = (what: string, { code, stdout, stderr }: CliResult): string => {
      if (code !== 0) tally.complain(`${what} at the end: ${stdout}${stderr}`);
      return stdout;
    };
    requireFetchedOnce(registry, removed, images, tally);
    demand('verify', await cli('store', 'verify', '--full'));
    for (const line of unsoundness(store, { packed: true })) {
      if (!line.includes(`${lease}.lease`)) tally.complain(line);
    }
    demand('the kept image', await cli('inspect', `${registry.host}/${lasting.kept}`, '--offline'));
    demand('leases', await cli('store', 'leases', '--delete', lease));
    const names = JSON.parse(demand('ls', await cli('store', 'ls', '--json'))).names;
    demand(
      'rm',
      await cli('rm', ...new Set<string>(names.map(({ name }: { name: string }) => name))),
    );
    const last = JSON.parse(demand('gc', await cli('store', 'gc', '--json')));
    if (last.size !== 0) tally.complain(`found ${last.size} bytes in a store without names`);
    return {
      counts: tally.counts,
      fetched: fetchesIn(registry).length,
      removed: [...removed.values()].reduce((sum, times) => sum + times, 0),
      complaints: tally.complaints,
    };
  } finally {
    await registry.close();
  }
}

type Cli = (...words: readonly string[]) => Promise<CliResult>;

/** One image gets a name that stays, one a lease and no name, and there is an archive. */
async function prepare(cli: Cli, { host, names, folder }: Ground): Promise<string> {
  const must = async (...words: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await cli(...words);
    if (code !== 0) throw new Error(`${words.join(' ')}: ${stderr}`);
    return stdout.trim();
  };
  const [archived = ''] = names;
  for (const name of [lasting.kept, lasting.held, archived]) await must('pull', `${host}/${name}`);
  const lease = await must('store', 'hold', `${host}/${lasting.held}`);
  await must('store', 'export', `${host}/${archived}`, '-o', join(folder, 'archive.tar'));
  await must('rm', `${host}/${lasting.held}`);
  return lease;
}

function judge({ words, mayFail }: Deed, { code, stdout, stderr }: CliResult, tally: Tally): void {
  const verb = words[0] === 'store' ? `store ${words[1]}` : (words[0] ?? '');
  const [, error] = /^osv-convert: .* \(([A-Z_]+)\)$/m.exec(stderr) ?? [];
  tally.count(`${verb}: ${code === 0 ? 'done' : (error ?? `exit ${code}`)}`);
  const isFine = code === 0 || mayFail.some((text) => stderr.includes(text));
  if (!isFine) tally.complain(`${words.join(' ')}: exit ${code}: ${stdout}${stderr}`);
  // Nothing is damaged here, so that nothing can have been mended.
  else if (/\b(mended|anew|took it out)\b/.test(stderr))
    tally.complain(`${words.join(' ')}: ${stderr}`);
  else if (verb === 'store verify' && /^(fault|loss)/m.test(stdout)) {
    tally.complain(`${words.join(' ')}: ${stdout}`);
  }
}

function blobsIn(gcReport: string): readonly string[] {
  const { removed }: { removed: { kind: string; name: string }[] } = JSON.parse(gcReport);
  return removed.flatMap(({ kind, name }) => (kind === 'blob' ? name : []));
}

interface Ear {
  readonly tally: Tally;
  readonly noteRemoved: (digests: readonly string[]) => void;
}

function startResident(
  store: string,
  seed: number,
  names: readonly string[],
  { tally, noteRemoved }: Ear,
): { end(): Promise<void> } {
  const program = join(top, 'dist/test/support/store-load/resident.js');
  const child = spawn(process.execPath, [program, store, `${seed}`, ...names], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  createInterface(child.stdout).on('line', (line) => {
    const { deed, removed = [], complaint }: Told = JSON.parse(line);
    tally.count(`resident ${deed}: ${complaint === undefined ? 'done' : 'failed'}`);
    noteRemoved(removed);
    if (complaint !== undefined) tally.complain(`resident ${deed}: ${complaint}`);
  });
  const closed = new Promise<void>((resolve) => {
    child.on('close', (code) => {
      if (code !== 0) tally.complain(`a resident ended with ${code}`);
      resolve();
    });
  });
  return {
    async end() {
      child.stdin.end();
      await closed;
    },
  };
}

/** The digest of the blob of each request for one. */
function fetchesIn(registry: Registry): readonly string[] {
  return registry.requests.flatMap(({ method, path }) => {
    const [, digest] = /\/blobs\/(sha256:[0-9a-f]{64})$/.exec(path) ?? [];
    return method === 'GET' && digest !== undefined ? digest : [];
  });
}

/** No blob is fetched twice that was not removed in between; what is held or kept, once at all. */
function requireFetchedOnce(
  registry: Registry,
  removed: ReadonlyMap<string, number>,
  images: Readonly<Record<string, Image>>,
  tally: Tally,
): void {
  const fetched = new Map<string, number>();
  for (const digest of fetchesIn(registry)) fetched.set(digest, (fetched.get(digest) ?? 0) + 1);
  for (const [digest, times] of fetched) {
    const most = 1 + (removed.get(digest) ?? 0);
    if (times > most) tally.complain(`fetched ${times} times, wanted at most ${most}: ${digest}`);
  }
  for (const name of Object.values(lasting)) {
    for (const digest of images[name]?.blobs.keys() ?? []) {
      if (!removed.has(digest)) continue;
      tally.complain(`${name}: found ${digest} removed, wanted it to stay`);
    }
  }
}
