import { readFile } from 'node:fs/promises';
import { createValidator } from '../schemas/index.ts';
import type { Limits } from '../store/index.ts';
import { ConvertError } from './error.ts';
import { parsePlatform } from './oci/platform.ts';
import { parseReference } from './oci/reference.ts';
import { unreadHint, unreadReason } from './unread-file.ts';

/** A user's settings: `schemas/config.schema.json`, its references and platform checked too. */
export interface Config {
  /** `os/architecture[/variant]` that is meant where none is named. */
  readonly platform?: string;
  /** By registry, as references spell it: asked before it, in this order. */
  readonly mirrors: Readonly<Record<string, readonly Mirror[]>>;
  /** What a layer may cost; sizes in bytes. */
  readonly limits?: Partial<Limits>;
  /** A download that brings fewer than `limit` bytes a second over `time` seconds counts as broken. */
  readonly lowSpeed?: { readonly limit?: number; readonly time?: number };
  /** What inflates large gzip layers: igzip, where it is on `PATH`, unless this says `node`. */
  readonly inflater?: 'auto' | 'node';
  /** Bytes that disks built by `run` may take; 0 keeps none. */
  readonly diskCache?: number;
}

export interface Mirror {
  /** `HOST[:PORT][/PREFIX]`; the repository follows it. */
  readonly location: string;
  /** Asked only for what is named by digest: a stale mirror then does no harm. */
  readonly digestOnly?: boolean;
  readonly plainHttp?: boolean;
}

export const emptyConfig: Config = { mirrors: {} };

/**
 * Reads a configuration file.
 * @throws ConvertError `CONFIG_FILE_INVALID`, naming the file and the member; also when there is no
 * such file, unless that is `allowed`.
 */
export async function readConfig(path: string, missing: 'allowed' | 'refused'): Promise<Config> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (missing === 'allowed' && cause.code === 'ENOENT') return undefined;
    throw invalid(path, `found ${unreadReason(cause)}, wanted a file`, cause);
  });
  if (text === undefined) return emptyConfig;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw invalid(path, `found no JSON (${(cause as Error).message}), wanted an object`, cause);
  }
  const problem = (await createValidator('config'))(value);
  if (problem !== undefined) throw invalid(path, problem);
  const config: Config = { ...emptyConfig, ...(value as Partial<Config>) };
  checkNames(path, config);
  return config;
}

/** A misspelt registry would be a mirror that is silently never asked. */
function checkNames(path: string, { platform, mirrors }: Config): void {
  if (platform !== undefined) {
    attempt(path, '/platform', () => parsePlatform(platform));
  }
  for (const [registry, list] of Object.entries(mirrors)) {
    const at = `/mirrors/${registry}`;
    requireHost(path, at, registry, registry);
    list.forEach(({ location }, number) => {
      requireHost(path, `${at}/${number}/location`, location, location.split('/')[0] ?? '');
    });
  }
}

function requireHost(path: string, at: string, location: string, host: string): void {
  const { registry } = attempt(path, at, () => parseReference(`${location}/name/of-image`));
  if (registry !== host) {
    throw invalid(
      path,
      `at ${at}: found ${JSON.stringify(host)}, wanted a registry as references name it in full: ${registry}`,
    );
  }
}

function attempt<T>(path: string, at: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof ConvertError)) throw error;
    throw invalid(path, `at ${at}: ${error.message}`, error);
  }
}

function invalid(path: string, problem: string, cause?: unknown): ConvertError {
  const hint = unreadHint(path, cause);
  return new ConvertError(
    'CONFIG_FILE_INVALID',
    `reading the configuration file ${path}: ${problem}`,
    { cause, ...(hint && { hint }) },
  );
}
