import { type Command, Option } from 'commander';
import { ConvertError } from '../error.ts';
import type { PullOptions, PullPolicy } from '../pull/pull.ts';
import type { RegistryOptions } from '../source/registry/registry.ts';
import { parseFolder } from './folder-option.ts';
import { parseRate } from './rate.ts';
import { userConfig } from './user-config.ts';

/** Which image of a reference, and how its registry is reached. */
export interface SourceOptions extends ReachOptions {
  readonly platform?: string;
}

/** How registries are reached. */
export interface ReachOptions {
  readonly plainHttp?: boolean;
  readonly certDir?: string;
  readonly limitRate?: number;
}

/** Where an image may come from, besides. */
export interface PolicyOptions extends ReachOptions {
  readonly config?: string;
  readonly offline?: boolean;
  readonly pull?: PullPolicy;
  readonly lock?: string;
  readonly frozen?: boolean;
}

/** Those of them that say which image is meant, or how it is reached: nothing to who has no image. */
export const imageSourceOptions: readonly string[] = [
  ...['platform', 'plainHttp', 'certDir', 'limitRate', 'pull', 'frozen', 'lock'],
];

export type ObtainOptions = SourceOptions & PolicyOptions;

export function addSourceOptions(command: Command): Command {
  return addReachOptions(
    command.option('--platform <os/arch>', 'platform of the image (default: linux/amd64)'),
  );
}

export function addReachOptions(command: Command): Command {
  return command
    .option('--plain-http', 'talk plain HTTP to the registry (the default on loopback)')
    .option('--no-plain-http', 'talk HTTPS to the registry, also on loopback')
    .option('--cert-dir <dir>', "CA and client certificates, as in docker's certs.d", parseFolder)
    .option('--limit-rate <rate>', 'bytes a second, such as 500k or 2.5M', parseRate);
}

/** For commands that take an image from the store or pull it. */
export function addObtainOptions(command: Command): Command {
  const lock = new Option('--lock <file>', 'as --frozen, by another file than osv-convert.lock');
  return addPolicyOptions(addSourceOptions(command))
    .addOption(
      new Option('--pull <when>', 'when to ask the registry (default: missing)').choices([
        'always',
        'missing',
        'never',
      ]),
    )
    .addOption(lock.implies({ frozen: true }))
    .hook('preAction', (obtaining) => refuseContradiction(obtaining.opts<PolicyOptions>()));
}

/** @throws ConvertError `USAGE`. */
function refuseContradiction({ offline, pull }: PolicyOptions): void {
  if (!offline || pull !== 'always') return;
  throw new ConvertError(
    'USAGE',
    'reading the command line: found --offline and --pull always, wanted one of them',
    {
      hint: 'leave out --pull always to take what the store has, or --offline to ask the registry',
    },
  );
}

export function addPolicyOptions(command: Command): Command {
  return command
    .option('--offline', 'open no connection: take the image from the store or a file')
    .option('--frozen', 'take only what the lock file osv-convert.lock names')
    .option(
      '--config <file>',
      'configuration file (default: OSV_CONVERT_CONFIG, else osv-convert/config.json in the configuration folder)',
    );
}

export function registryOptionsOf({
  plainHttp,
  certDir,
  limitRate,
}: ReachOptions): RegistryOptions {
  return {
    ...(plainHttp !== undefined && { plainHttp }),
    ...(certDir !== undefined && { tls: { certDir } }),
    ...(limitRate !== undefined && { limitRate }),
  };
}

/** @throws ConvertError `CONFIG_FILE_INVALID`, `LOCK_MISSING`, `LOCK_INVALID`. */
export async function pullOptionsOf(
  options: PolicyOptions & { readonly platform?: unknown },
  env: NodeJS.ProcessEnv,
): Promise<Omit<PullOptions, 'onEvent' | 'signal'>> {
  const { readLockFile, usualLockFile } = await import('../pull/lock-file.ts');
  const { platform, offline, pull, frozen, lock = usualLockFile } = options;
  return {
    registry: registryOptionsOf(options),
    config: await userConfig(options.config, env),
    ...(typeof platform === 'string' && { platform }),
    ...(offline !== undefined && { offline }),
    ...(pull !== undefined && { pull }),
    ...(frozen && { lock: await readLockFile(lock) }),
  };
}
