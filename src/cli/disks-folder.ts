import { homedir } from 'node:os';
import { join } from 'node:path';

/** Bytes that disks of `run` may take where the configuration file says nothing. */
export const usualDiskCache = 20 * 2 ** 30;

/** `$XDG_CACHE_HOME/osv-convert/disks` (XDG Base Directory Specification). */
export function disksFolder(env: NodeJS.ProcessEnv): string {
  return join(cacheFolder(env), 'disks');
}

/** `$XDG_CACHE_HOME/osv-convert/builds`: what was built of what. */
export function buildsFolder(env: NodeJS.ProcessEnv): string {
  return join(cacheFolder(env), 'builds');
}

function cacheFolder(env: NodeJS.ProcessEnv): string {
  const cache = env['XDG_CACHE_HOME'];
  const base = cache?.startsWith('/') ? cache : join(homedir(), '.cache');
  return join(base, 'osv-convert');
}
