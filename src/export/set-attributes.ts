import { spawnSync } from 'node:child_process';

/** What came of attributes that were to be set. */
export type AttributesSet =
  /** `failures` in the words of the system, one an attribute; none where all were set. */
  { readonly tool: 'found'; readonly failures: readonly string[] } | { readonly tool: 'missing' };

/** Most descriptors that one call takes: more would cost a process with few to spare its last. */
export const maxFolders = 64;

/** Talk of the tool that is kept; a line of it is about 100 bytes. */
const talkCap = 64 << 20;

/** The place of the folder with the number `index` in the dump of `setAttributes`. */
export function folderInDump(index: number): string {
  return `/proc/self/fd/${firstFd + index}`;
}

/** After stdin, stdout and stderr. */
const firstFd = 3;

/**
 * Sets extended attributes, which Node cannot, by `setfattr` of Debian's package attr. It is given open
 * folders and names in them, and no path that another process could turn elsewhere.
 */
export function setAttributes(folders: readonly number[], dump: string): AttributesSet {
  const { error, stderr, status } = spawnSync('setfattr', ['--no-dereference', '--restore=-'], {
    input: dump,
    stdio: ['pipe', 'ignore', 'pipe', ...folders],
    env: { PATH: process.env['PATH'], LC_ALL: 'C' },
    encoding: 'latin1',
    maxBuffer: talkCap,
  });
  if (error && 'code' in error && error.code === 'ENOENT') return { tool: 'missing' };
  if (error) throw error;
  if (status === 0) return { tool: 'found', failures: [] };
  const failures = stderr.split('\n').flatMap((line) => {
    const [, words] = /: ([^:]*)$/.exec(line) ?? [];
    return words === undefined ? [] : [words];
  });
  return { tool: 'found', failures: failures.length > 0 ? failures : [`exit code ${status}`] };
}
