import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Share } from './machine.ts';
import { tethered } from './tether.ts';
import {
  findVirtiofsd,
  listeningWords,
  notListening,
  notShared,
  removeLocks,
  serverPatience,
  type Virtiofsd,
  virtiofsdCommand,
} from './virtiofsd.ts';
import { makeTemporaryFolder } from './work-folder.ts';

/** Servers of folders, for one machine. */
export interface ShareServers {
  /** The folders, each with the socket on which it is served. */
  readonly shares: readonly Share[];
  /** The folder of the first server that is gone, for whatever reason. */
  readonly lost: Promise<string>;
  /** Ends those that the end of the machine did not, and removes what they needed. */
  readonly dispose: () => Promise<void>;
}

/** Bytes of a path that is the address of a socket (unix(7)). */
const socketPathLimit = 107;

/**
 * Serves folders by virtiofsd. Each server ends when QEMU hangs up, and dies with this process.
 * @throws ConvertError `QEMU_FAILED` as `findVirtiofsd`; where temporary folders have too long names; when a server
 * does not listen.
 */
export async function serveShares(
  shares: readonly Share[],
  env: NodeJS.ProcessEnv,
  isRoot?: boolean,
): Promise<ShareServers> {
  const virtiofsd = findVirtiofsd(env, isRoot);
  const folder = await makeTemporaryFolder();
  const served = shares.map(({ folder: source, socket }) => ({
    folder: source,
    socket: join(folder, basename(socket)),
  }));
  const started: Server[] = [];
  const dispose = async (): Promise<void> => {
    await Promise.all(started.map(({ end }) => end()));
    await removeLocks(folder);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    for (const share of served) started.push(await serve(virtiofsd, share, env));
    const lost = Promise.race(
      started.map(({ gone }, at) => gone.then(() => shares[at]?.folder ?? '')),
    );
    return { shares: served, lost, dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

interface Server {
  readonly gone: Promise<void>;
  /** Kills it, if it lives; resolved when it is gone. */
  readonly end: () => Promise<void>;
}

async function serve(virtiofsd: Virtiofsd, share: Share, env: NodeJS.ProcessEnv): Promise<Server> {
  const size = Buffer.byteLength(share.socket);
  if (size > socketPathLimit) {
    const found = `a socket with a path of ${size} bytes (${share.socket})`;
    throw notShared(
      found,
      `at most ${socketPathLimit}`,
      'set TMPDIR to a folder with a shorter path',
    );
  }
  const { program } = virtiofsd;
  const [file = program, ...words] = tethered(virtiofsdCommand(virtiofsd, share), env);
  const child = spawn(file, words, { stdio: ['ignore', 'ignore', 'pipe'], env });
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  const gone = new Promise<void>((resolve) => {
    child.once('close', () => resolve()).once('error', () => resolve());
  }).finally(() => process.off('exit', kill));
  const end = async (): Promise<void> => {
    kill();
    await gone;
  };
  const lines = createInterface({ input: child.stderr });
  const said: string[] = [];
  const heard = new Promise<boolean>((resolve) => {
    lines.on('line', (line) => {
      if (said.length < 20) said.push(line.slice(0, 300));
      if (line.includes(listeningWords)) resolve(true);
    });
    lines.once('close', () => resolve(false));
  });
  const late = once(AbortSignal.timeout(serverPatience), 'abort').then(() => false);
  if (await Promise.race([heard, late])) return { gone, end };
  await end();
  throw notListening(program, share.folder, said);
}
