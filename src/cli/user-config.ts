import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../config.ts';

const read = new Map<string, Promise<Config>>();

/**
 * The user's settings: the file `given` (`--config`), else `OSV_CONVERT_CONFIG`, else the usual one,
 * which may be missing. It is read once, whoever asks.
 * @throws ConvertError `CONFIG_FILE_INVALID`.
 */
export async function userConfig(
  given: string | undefined,
  env: NodeJS.ProcessEnv,
): Promise<Config> {
  const { readConfig } = await import('../config.ts');
  const chosen = given ?? env['OSV_CONVERT_CONFIG'];
  const path = chosen || usualConfig(env);
  const config = read.get(path) ?? readConfig(path, chosen ? 'refused' : 'allowed');
  read.set(path, config);
  return await config;
}

/** `$XDG_CONFIG_HOME/osv-convert/config.json` (XDG Base Directory Specification). */
function usualConfig(env: NodeJS.ProcessEnv): string {
  const folder = env['XDG_CONFIG_HOME'];
  const base = folder?.startsWith('/') ? folder : join(homedir(), '.config');
  return join(base, 'osv-convert', 'config.json');
}
