import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { listOfFolder } from './folder-listing.ts';
import type { Listed } from './listing.ts';

/** Words before a command that decide who runs it. */
export type User = readonly string[];

/** Whoever runs the tests, and where that is root an ordinary user too. */
export const users: Readonly<Record<string, User>> =
  process.getuid?.() === 0
    ? {
        root: [],
        'an ordinary user': [
          ...['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--'],
        ],
      }
    : { 'an ordinary user': [] };

/** Who has no rights but to his own files. */
export const ordinaryUser: User = users['an ordinary user'] ?? [];

/** What another tool made of layers, or what it said when it refused them. */
export type PeerOutcome = { readonly listed: readonly Listed[] } | { readonly complaint: string };

/** Unpacks the image `tag` of an OCI layout into a new folder. */
export async function unpackWithUmoci(
  layout: string,
  tag: string,
  bundle: string,
  user: User,
): Promise<PeerOutcome> {
  const command = ['umoci', 'unpack', '--rootless', '--image', `${layout}:${tag}`, bundle];
  const { status, output } = await run([...user, ...command], dirname(bundle));
  return status === 0
    ? { listed: listOfFolder(`${bundle}/rootfs`) }
    : { complaint: output.trim().split('\n').at(-1) ?? '' };
}

/** Unpacks an uncompressed tar into `folder`, which it makes. */
export async function unpackWithTar(tar: string, folder: string, user: User): Promise<PeerOutcome> {
  const command = [
    ...['tar', '--extract', '--file', tar, '--directory', folder, '--xattrs'],
    ...['--same-permissions', '--delay-directory-restore', '--no-same-owner'],
  ];
  const made = ['sh', '-c', 'mkdir "$0" && exec "$@"', folder, ...command];
  const { status, output } = await run([...user, ...made], dirname(folder));
  return status === 0 ? { listed: listOfFolder(folder) } : { complaint: output.trim() };
}

/** What `tar --list` says of each member, a line each, and nothing where it fails. */
export async function listWithTar(tar: string): Promise<readonly string[]> {
  const command = [
    ...['tar', '--list', '--verbose', '--full-time', '--numeric-owner'],
    ...['--quoting-style=escape', '--file', tar],
  ];
  const { status, output } = await run(command, dirname(tar), '2>/dev/null');
  return status === 0 ? output.split('\n').filter((line) => line !== '') : [];
}

/** Calls `work` with each, eight at a time. */
export async function eightAtATime<T>(
  each: readonly T[],
  work: (one: T) => Promise<void>,
): Promise<void> {
  const rest = [...each];
  const next = async (): Promise<void> => {
    for (let one = rest.shift(); one !== undefined; one = rest.shift()) await work(one);
  };
  await Promise.all(Array.from({ length: 8 }, next));
}

/** A folder in which any user may make files. */
export async function openFolder(path: string): Promise<string> {
  await mkdir(path);
  await run(['chmod', '0777', path], '/');
  return path;
}

/** Runs a command with the umask that all tools are compared under. */
function run(
  command: readonly string[],
  home: string,
  complaints = '2>&1',
): Promise<{ readonly status: number; readonly output: string }> {
  const env = { PATH: process.env['PATH'], HOME: home, LC_ALL: 'C', TZ: 'UTC' };
  const words = ['-c', `umask 022; exec "$@" ${complaints}`, 'sh', ...command];
  return new Promise((resolve) => {
    execFile('sh', words, { env, maxBuffer: 2 ** 26 }, (error, output) => {
      resolve({ status: error ? 1 : 0, output });
    });
  });
}
