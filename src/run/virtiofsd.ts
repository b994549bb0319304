import { spawnSync } from 'node:child_process';
import { readdir, rm } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import { ConvertError } from '../error.ts';
import { findProgram } from './find-program.ts';
import type { Share } from './machine.ts';

/** A server of folders for guests. */
export interface Virtiofsd {
  /** Its path. */
  readonly program: string;
  /** `qemu`: the one in C that QEMU brought until 8.0. `rust`: its successor, since it can share read-only. */
  readonly flavour: 'qemu' | 'rust';
}

/** Where distributions have it, besides PATH. */
const folders = ['/usr/lib/qemu', '/usr/libexec', '/usr/lib', '/usr/libexec/qemu-kvm'];

/** What both say on stderr when they listen. */
export const listeningWords = 'Waiting for vhost-user socket connection';

/** Milliseconds in which a server listens: a busy host takes long. */
export const serverPatience = 60_000;

/**
 * The first virtiofsd of this host that does.
 * @throws ConvertError `QEMU_FAILED` where there is none, or none that this user may run and that shares read-only.
 */
export function findVirtiofsd(
  env: NodeJS.ProcessEnv,
  isRoot = process.getuid?.() === 0,
): Virtiofsd {
  let refusal: ConvertError | undefined;
  for (const folder of [...(env['PATH'] ?? '').split(delimiter), ...folders]) {
    const program = findProgram('virtiofsd', { PATH: folder });
    if (program === undefined) continue;
    const flavour = flavourOf(program);
    if (flavour === 'rust' || (flavour === 'qemu' && isRoot)) return { program, flavour };
    refusal ??= flavour === 'qemu' ? forRoot(program) : withoutReadonly(program);
  }
  throw refusal ?? notShared('no virtiofsd', 'it on PATH', 'sudo apt-get install virtiofsd');
}

/** The one in Rust has an option that says what is shared. Undefined for one that cannot share read-only. */
function flavourOf(program: string): Virtiofsd['flavour'] | undefined {
  const { stdout } = spawnSync(program, ['--help'], { encoding: 'utf8', timeout: 5000 });
  const help = typeof stdout === 'string' ? stdout : '';
  if (!help.includes('--shared-dir')) return 'qemu';
  return help.includes('--readonly') ? 'rust' : undefined;
}

function forRoot(program: string): ConvertError {
  return notShared(
    `${program}, which runs as root only`,
    'virtiofsd 1.11 or later, which anyone may run',
    "install Debian 13's virtiofsd, or run this command as root",
  );
}

function withoutReadonly(program: string): ConvertError {
  return notShared(`${program} without the option --readonly`, 'virtiofsd 1.11 or later');
}

/**
 * The one of QEMU has no such option, so it is given a mount of the folder that is read-only, in a namespace of
 * its own. Another place than the folder is used for it: its own socket may have to be made below that.
 */
const onReadOnly =
  'mkdir -- "$2" && mount --bind -- "$1" "$2" && mount -o remount,bind,ro -- "$2" && shift 2 && exec "$@"';

/**
 * The words that serve `share` when they are started in `cwd`, read-only: a guest has only one program, but that is
 * its kernel too, and may ask for what it likes. The server ends when QEMU hangs up.
 */
export function virtiofsdCommand(
  { program, flavour }: Virtiofsd,
  { folder, socket }: Share,
  cwd = '/',
): readonly string[] {
  if (flavour === 'rust') {
    const options = ['--sandbox=none', '--cache=never', '--readonly'];
    return [program, `--socket-path=${socket}`, `--shared-dir=${folder}`, ...options];
  }
  // It leaves `cwd` before it looks for the place.
  const place = resolve(cwd, `${socket}.folder`);
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

/** Where QEMU's locks its sockets (tools/virtiofsd/fuse_virtio.c of QEMU 7.2, `fv_socket_lock`). */
const lockFolder = '/var/run/virtiofsd';

/** QEMU's leaves an empty file behind for each socket: removes those of sockets whose paths begin with `prefix`. */
export async function removeLocks(prefix: string): Promise<void> {
  const beginning = prefix.replaceAll('/', '.');
  const names = await readdir(lockFolder).catch((): string[] => []);
  const ours = names.filter((name) => name.startsWith(beginning));
  await Promise.allSettled(ours.map((name) => rm(join(lockFolder, name), { force: true })));
}

/** What a server said that does not listen tells why. */
export function notListening(
  program: string,
  folder: string,
  said: readonly string[],
): ConvertError {
  return notShared(`that ${program} does not serve ${folder}: ${said.join('; ')}`, 'it to listen');
}

/** The guest would wait for its files for ever. */
export function lostShare(folder: string): ConvertError {
  return new ConvertError(
    'QEMU_FAILED',
    `sharing ${folder}: found that its virtiofsd ended, wanted it as long as the machine`,
  );
}

export function notShared(found: string, wanted: string, hint?: string): ConvertError {
  return new ConvertError(
    'QEMU_FAILED',
    `sharing a folder: found ${found}, wanted ${wanted}`,
    hint === undefined ? {} : { hint },
  );
}
