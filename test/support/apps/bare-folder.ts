import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, lstatSync, mkdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { kernelSonames } from '../../../src/dotnet/sonames.ts';
import type { Report } from '../../../src/report.ts';
import { runCli } from '../cli.ts';
import { findProgram } from '../docker-registry.ts';
import type { HostApp } from './host-app.ts';
import { comparable, freePort, type Outcome, outcomeOf } from './outcome.ts';

/** Where this host may have what OSv's kernel has in itself. */
const hostFolders = ['/lib64', '/lib/x86_64-linux-gnu', '/usr/lib64', '/usr/lib'];

/** How a program can be run here so that a folder is all it sees. */
export type Jail = 'bwrap' | 'chroot';

/** Undefined, where neither can be: for want of a program, or of the right to namespaces. */
export function findJail(): Jail | undefined {
  const allows = (words: readonly string[]): boolean =>
    spawnSync(words[0] ?? '', words.slice(1), { stdio: 'ignore' }).status === 0;
  if (findProgram('bwrap') && allows([...bwrapWords('/', { cwd: '/', env: {} }), 'true'])) {
    return 'bwrap';
  }
  return allows([...chrootWords('/', { cwd: '/' }), '/bin/true']) ? 'chroot' : undefined;
}

/**
 * Writes what is on a disk to a folder and adds the C library of this host, which stands for the one in
 * OSv's kernel: from there on the folder is all that a guest would have.
 */
export async function writeBareFolder(disk: string, folder: string): Promise<void> {
  const written = await runCli(['flatten', disk, '--to', folder, '--type', 'dir']);
  if (written.code !== 0) throw new Error(`writeBareFolder: ${written.stderr}`);
  for (const soname of kernelSonames) {
    const found = hostFolders.map((one) => join(one, soname)).find((path) => existsSync(path));
    if (found === undefined) continue;
    const places = soname.startsWith('ld-linux') ? ['lib64', 'usr/lib'] : ['usr/lib'];
    for (const place of places) {
      const inside = insideOf(folder, place);
      mkdirSync(inside, { recursive: true });
      copyFileSync(found, join(inside, soname));
    }
  }
}

/** The folder that a name in the root means there: `lib64` may be a link to `/usr/lib64`. */
function insideOf(root: string, name: string): string {
  const path = join(root, name);
  const isLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
  return isLink ? join(root, readlinkSync(path)) : path;
}

/** What the guest of `report` does in a bare folder: its own program, arguments, variables and directory. */
export async function outcomeInBareFolder(
  jail: Jail,
  folder: string,
  { app: guest, env: variables }: Pick<Report, 'app' | 'env'>,
  app: Pick<HostApp, 'serves' | 'varies'>,
): Promise<Outcome> {
  const port = app.serves === undefined ? undefined : await freePort();
  const env = {
    ...variables,
    ...(port !== undefined && { ASPNETCORE_HTTP_PORTS: `${port}` }),
  };
  const start = { cwd: guest.workingDirectory, env };
  const words = jail === 'bwrap' ? bwrapWords(folder, start) : chrootWords(folder, start);
  const found = await outcomeOf({
    words: [...words, guest.program, ...guest.args],
    // bwrap sets the variables itself; what chroot starts has those of its parent.
    env: jail === 'bwrap' ? {} : env,
    cwd: '/',
    ...(port !== undefined && { url: `http://127.0.0.1:${port}${app.serves}` }),
  });
  return comparable(app, found);
}

interface Place {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

function bwrapWords(folder: string, { cwd, env }: Place): readonly string[] {
  const variables = Object.entries(env).flatMap(([name, value]) => ['--setenv', name, value]);
  return [
    ...[findProgram('bwrap') ?? 'bwrap', '--unshare-all', '--share-net', '--die-with-parent'],
    ...['--ro-bind', folder, '/', '--proc', '/proc', '--dev', '/dev', '--tmpfs', '/tmp'],
    ...['--clearenv', ...variables, '--chdir', cwd],
  ];
}

/** What bwrap mounts, for who is root; `$0` is the folder, `$1` the directory to start in. */
const mountAndEnter =
  'mount --rbind /dev "$0/dev" && mount -t proc proc "$0/proc" && mount -t tmpfs tmpfs "$0/tmp" && ' +
  'cwd=$1 && shift && exec unshare --root "$0" --wd "$cwd" "$@"';

function chrootWords(folder: string, { cwd }: Pick<Place, 'cwd'>): readonly string[] {
  const own = ['--mount', '--pid', '--fork', '--kill-child=SIGKILL'];
  return ['/usr/bin/unshare', ...own, '/bin/sh', '-c', mountAndEnter, folder, cwd];
}
