import { type Command, Option } from 'commander';
import type { GuestWishes } from '../prepare.ts';
import type { PullOptions } from '../pull/pull.ts';
import { collect, parseEnv } from './env.ts';

/** What goes into a guest, and how it is started. */
export interface GuestOptions {
  readonly runtime: string;
  readonly env?: readonly string[];
  readonly include: 'reachable' | 'all';
  readonly keep?: readonly string[];
  readonly drop?: readonly string[];
}

/** For commands that make a guest of an image. */
export function addGuestOptions(command: Command): Command {
  return command
    .option(
      '--runtime <from>',
      '.NET runtime: auto, image, host, a folder, or the reference of an image that has one',
      'auto',
    )
    .option('--env <NAME=VALUE>', 'set a variable of the guest (repeatable)', collect)
    .addOption(
      new Option(
        '--include <what>',
        'reachable: what the app can reach; all: all that the image has',
      )
        .choices(['reachable', 'all'])
        .default('reachable'),
    )
    .option(
      '--keep <glob>',
      'keep these paths of the image, too: /usr/share/fonts, *.dat (repeatable)',
      collect,
    )
    .option('--drop <glob>', 'leave these out: /app/docs, *.map (repeatable)', collect);
}

/** @throws ConvertError `USAGE`. */
export function guestWishesOf(
  { runtime, env, include, keep, drop }: GuestOptions,
  hostEnv: NodeJS.ProcessEnv,
): Omit<GuestWishes, keyof PullOptions> {
  return {
    runtime,
    env: parseEnv(env),
    include,
    ...(keep !== undefined && { keep }),
    ...(drop !== undefined && { drop }),
    hostEnv,
  };
}
