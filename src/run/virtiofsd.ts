import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { ConvertError } from '../error.ts';
import { findProgram } from './find-program.ts';
import type { Share } from './machine.ts';
import { tethered } from './tether.ts';

/** Servers of folders, for one machine. */
export interface ShareServers {
  /** The folders, each with the socket on which it is served. */
  readonly shares: readonly Share[];
  /** The folder of the first server that is gone, for whatever reason. */
  readonly lost: Promise<string>;
  /** Ends those that the end of the machine did not, and removes what they needed. */
  readonly dispose: () => Promise<void>;
}

/** `qemu`: the one in C that QEMU brought until 8.0. `rust`: its successor, since it can share read-only. */
type Flavour = 'qemu' | 'rust';

/** Where distributions have it, besides PATH. */
const folders = ['/usr/lib/qemu', '/usr/libexec', '/usr/lib', '/usr/libexec/qemu-kvm'];

/** What both say on stderr when they listen. */
const listens = 'Waiting for vhost-user socket connection';

/**
 * Serves folders by virtiofsd, each read-only: a guest has only one program, but that is its kernel too, and may
 * ask for what it likes. Each server ends when QEMU hangs up, and dies with this process.
 * @throws ConvertError `QEMU_FAILED` without virtiofsd, or where it may not run; when it does not listen.
 */
export async function serveShares(
  shares: readonly Share[],
  env: NodeJS.ProcessEnv,
  isRoot = process.getuid?.() === 0,
): Promise<ShareServers> {
  const program = programOf(env);
  const flavour = flavourOf(program);
  if (flavour === 'qemu' && !isRoot) {
    throw failed(
      `${program}, which runs as root only`,
      'virtiofsd 1.0 or later, which anyone may run',
      "install Debian 13's virtiofsd, or run this command as root",
    );
  }
  const folder = await mkdtemp(join(tmpdir(), 'osv-convert-share-'));
  const served = shares.map(({ folder: source, socket }) => ({
    folder: source,
    socket: join(folder, basename(socket)),
  }));
  const started: Server[] = [];
  const dispose = async (): Promise<void> => {
    await Promise.all(started.map(({ end }) => end()));
    await rm(folder, { recursive: true, force: true });
    if (flavour === 'qemu') {
      await Promise.all(served.map(({ socket }) => rm(lockFileOf(socket), { force: true })));
    }
  };
  try {
    for (const share of served) started.push(await serve(program, flavour, share, env));
    const lost = Promise.race(
      started.map(({ gone }, at) => gone.then(() => shares[at]?.folder ?? '')),
    );
    return { shares: served, lost, dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/**
 * The one of QEMU has no such option, so it is given a mount of the folder that is read-only, in a namespace of
 * its own. Another place than the folder is used for it: its own socket may have to be made below that.
 */
const onReadOnly =
  'mkdir -- "$2" && mount --bind -- "$1" "$2" && mount -o remount,bind,ro -- "$2" && shift 2 && exec "$@"';

/** The words that serve `share`. */
export function virtiofsdCommand(
  program: string,
  flavour: Flavour,
  { folder, socket }: Share,
): readonly string[] {
  if (flavour === 'rust') {
    const options = ['--sandbox=none', '--cache=never', '--readonly'];
    return [program, `--socket-path=${socket}`, `--shared-dir=${folder}`, ...options];
  }
  const place = `${socket}.folder`;
  return [
    ...['unshare', '--mount', '--', 'sh', '-c', onReadOnly, 'sh', folder, place],
    ...[program, `--socket-path=${socket}`],
    ...['-o', `source=${escapeOption(place)}`, '-o', 'cache=none'],
  ];
}

/** Options of libfuse: a comma ends one where no backslash stands before (lib/fuse_opt.c). */
function escapeOption(text: string): string {
  return text.replaceAll(/[\\,]/g, '\\$&');
}

interface Server {
  readonly gone: Promise<void>;
  /** Kills it, if it lives; resolved when it is gone. */
  readonly end: () => Promise<void>;
}

async function serve(
  program: string,
  flavour: Flavour,
  share: Share,
  env: NodeJS.ProcessEnv,
): Promise<Server> {
  const command = tethered(virtiofsdCommand(program, flavour, share), env);
  const [file = program, ...words] = command;
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
      if (line.includes(listens)) resolve(true);
    });
    lines.once('close', () => resolve(false));
  });
  const signal = AbortSignal.timeout(60_000);
  const late = once(signal, 'abort').then(() => false);
  if (await Promise.race([heard, late])) return { gone, end };
  await end();
  throw failed(
    `that ${program} does not serve ${share.folder}: ${said.join('; ')}`,
    'it to listen',
  );
}

function programOf(env: NodeJS.ProcessEnv): string {
  const path = [env['PATH'] ?? '', ...folders].join(':');
  const program = findProgram('virtiofsd', { PATH: path });
  if (program !== undefined) return program;
  throw failed('no virtiofsd', 'it on PATH', 'sudo apt-get install virtiofsd');
}

/** The one in Rust has an option that says what is shared. */
function flavourOf(program: string): Flavour {
  const { stdout } = spawnSync(program, ['--help'], { encoding: 'utf8', timeout: 5000 });
  const help = typeof stdout === 'string' ? stdout : '';
  if (!help.includes('--shared-dir')) return 'qemu';
  if (help.includes('--readonly')) return 'rust';
  throw failed(`${program} without the option --readonly`, 'virtiofsd 1.11 or later');
}

/** It leaves one behind (tools/virtiofsd/fuse_virtio.c of QEMU 7.2, `fv_socket_lock`). */
function lockFileOf(socket: string): string {
  return join('/var/run/virtiofsd', `${socket.replaceAll('/', '.')}.pid`);
}

function failed(found: string, wanted: string, hint?: string): ConvertError {
  return new ConvertError(
    'QEMU_FAILED',
    `sharing a folder: found ${found}, wanted ${wanted}`,
    hint === undefined ? {} : { hint },
  );
}
