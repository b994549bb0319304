import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { type Digest, hexOf, openStore } from '../../../store/index.ts';
import { partialsIn, unsoundness } from '../sound-store.ts';
import { top } from '../top.ts';
import { keptImage, keptName, takeImage } from './kept.ts';
import { type JobName, refsOfRound, type Vow } from './vow.ts';

/** A store on which one kind of work is cut short again and again. */
export interface KilledStore {
  /** Starts a process that works, kills it, and returns what is wrong then: nothing. */
  strike(): Promise<readonly string[]>;
  /** Rounds of work that were done before those who did it were killed. */
  readonly rounds: () => number;
  /** Removes all that nothing needs, and returns what is wrong then. */
  end(): Promise<readonly string[]>;
}

/** Milliseconds of work at most before the process is killed. */
const longestLife = 400;

/** `folder` is empty. */
export async function createKilledStore(
  folder: string,
  job: JobName,
  random: () => number,
): Promise<KilledStore> {
  const dir = join(folder, 'store');
  const blobs = new Set<Digest>();
  const layers = new Set<Digest>();
  const names = new Map<string, boolean>([[keptName, true]]);
  const leases = new Set<string>();
  let rounds = 0;
  const store = await openStore(dir);
  await takeImage(store, keptName, keptImage);
  await store.close();

  const note = (vow: Vow): void => {
    rounds += 1;
    for (const digest of vow.blobs ?? []) blobs.add(digest);
    for (const digest of vow.layers ?? []) layers.add(digest);
    for (const [name, isSet] of Object.entries(vow.names ?? {})) names.set(name, isSet);
    for (const [id, isMade] of Object.entries(vow.leases ?? {})) {
      if (isMade) leases.add(id);
      else leases.delete(id);
    }
  };

  /** What was said is so. What was begun and not said may be so, too. */
  const broken = async (): Promise<readonly string[]> => {
    const paths = [
      ...[...blobs].map((digest) => `blobs/sha256/${hexOf(digest)}`),
      ...[...layers].map((diffID) => `layers/v2/sha256/${hexOf(diffID)}/index`),
    ];
    const lost = paths.filter((path) => !existsSync(join(dir, path)));
    const store = await openStore(dir, { readOnly: true });
    const known = new Set((await store.refs.list()).map(({ name }) => name));
    const isOpen: readonly string[] = job === 'refs' ? refsOfRound(rounds) : [];
    for (const [name, isSet] of names) {
      if (known.has(name) !== isSet && !isOpen.includes(name)) lost.push(`the word on ${name}`);
    }
    const alive = new Set((await store.leases.list()).map(({ id }) => id));
    const ended = [...leases].filter((id) => !alive.has(id));
    // One was the next to be deleted.
    if (ended.length > 1) lost.push(...ended);
    for (const id of ended) leases.delete(id);
    return lost.map((what) => `${job}: lost ${what}`);
  };

  const check = async (path: string): Promise<readonly string[]> => {
    const wrong: string[] = [];
    const store = await openStore(path, { repair: job === 'repair' });
    const report = await store.verify({
      full: true,
      ...(job === 'repair' && {
        repair: true,
        async refetch({ digest }) {
          const bytes = keptImage.blobs.get(digest);
          if (bytes === undefined) return false;
          await store.blobs.put(bytes);
          return true;
        },
      }),
    });
    if (!report.sound) wrong.push(`${job}: ${JSON.stringify(report.findings)}`);
    // With the first thing that is written what the dead left goes, and makes no trouble.
    await store.blobs.put(Buffer.from('after the kill'));
    await store.close();
    const isLasting = (line: string): boolean => job === 'leases' && line.endsWith('.lease');
    wrong.push(...unsoundness(path, { packed: true }).filter((line) => !isLasting(line)));
    return wrong;
  };

  return {
    async strike() {
      const wrong = [...(await work(dir, job, rounds, random() * longestLife, note))];
      if (job === 'make') {
        const latest = readdirSync(folder).filter((name) => Number(name) >= rounds - 1);
        for (const name of latest) wrong.push(...(await check(join(folder, name))));
      } else {
        wrong.push(...(await check(dir)), ...(await broken()));
      }
      return wrong;
    },
    rounds: () => rounds,
    async end() {
      if (job === 'make') return [];
      const store = await openStore(dir);
      for (const { id } of await store.leases.list()) await store.leases.delete(id);
      await store.gc({ olderThan: 0, keep: [keptName] });
      // Repair takes a damaged layer away before it unpacks its blob anew, as who needs it would.
      if (job === 'repair') await takeImage(store, keptName, keptImage);
      await store.close();
      const kept = [...keptImage.blobs.keys()].map(hexOf);
      const left = readdirSync(join(dir, 'blobs/sha256')).filter((hex) => !kept.includes(hex));
      return [...left, ...Object.keys(partialsIn(dir)), ...unsoundness(dir)].map(
        (what) => `${job}, after gc: ${what}`,
      );
    },
  };
}

/** Starts a process that works, and kills it when it has done so for `life` milliseconds. */
async function work(
  dir: string,
  job: JobName,
  first: number,
  life: number,
  note: (vow: Vow) => void,
): Promise<readonly string[]> {
  const program = join(top, 'dist/test/support/store-kill/writer.js');
  const child = spawn(process.execPath, [program, dir, job, `${first}`], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const closed = new Promise<readonly string[]>((resolve) => {
    child.on('close', (_code, signal) => {
      resolve(signal === 'SIGKILL' ? [] : [`${job}: it ended by itself: ${stderr}`]);
    });
  });
  const lines = createInterface(child.stdout);
  // What comes in one chunk with the first line is not to be missed.
  await new Promise<void>((resolve) => {
    lines.on('line', (line) => (line === 'ready' ? resolve() : note(JSON.parse(line))));
    lines.once('close', resolve);
  });
  await delay(life);
  child.kill('SIGKILL');
  return await closed;
}
