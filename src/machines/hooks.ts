import { createValidator } from '../../schemas/index.ts';
import { ConvertError } from '../error.ts';
import { isObject } from '../run/json.ts';

/**
 * Programs that run when a machine comes to a point of its life, in the shape of the OCI runtime spec
 * (config.md, "POSIX-platform Hooks"). Those of a container's own namespace have no place here: there is a
 * guest in it, and none of ours.
 */
export interface Hooks {
  /** While it is created, before `createRuntime`; deprecated by the spec. */
  readonly prestart?: readonly Hook[];
  readonly createRuntime?: readonly Hook[];
  /** After the guest was let go, before `start` returns. */
  readonly poststart?: readonly Hook[];
  /** After it was removed, before `delete` returns. */
  readonly poststop?: readonly Hook[];
}

export type HookPoint = keyof Hooks;

const hookPoints = ['prestart', 'createRuntime', 'poststart', 'poststop'] as const;

export interface Hook {
  /** Absolute. */
  readonly path: string;
  /** As for execv(3): the first is the program's own name. */
  readonly args?: readonly string[];
  /** All of its environment, as `NAME=VALUE`. */
  readonly env?: readonly string[];
  /** Seconds. */
  readonly timeout?: number;
}

/**
 * Reads hooks: an object with `hooks`, as a config.json has it, or its value.
 * @throws ConvertError `USAGE` with what is wrong.
 */
export async function parseHooks(text: string, from: string): Promise<Hooks> {
  const wanted = 'wanted hooks as in a config.json of the OCI runtime spec';
  const refuse = (found: string, cause?: unknown): ConvertError =>
    new ConvertError('USAGE', `reading hooks of ${from}: ${found}; ${wanted}`, { cause });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw refuse(`found ${cause instanceof Error ? cause.message : cause}`, cause);
  }
  const hooks = isObject(value) && 'hooks' in value ? value.hooks : value;
  const problem = (await createValidator('hooks'))(hooks);
  if (problem !== undefined) throw refuse(problem);
  return hooks as Hooks;
}

/** Reads `POINT=/PROGRAM[,ARGUMENT...]`. @throws ConvertError `USAGE`. */
export function parseHookWord(word: string): Hooks {
  const [, name, command = ''] = /^(\w+)=(\/.*)$/s.exec(word) ?? [];
  const point = hookPoints.find((one) => one === name);
  if (point !== undefined) {
    const [path = '', ...args] = command.split(',');
    return { [point]: [{ path, args: [path, ...args] }] };
  }
  const found = JSON.stringify(word.slice(0, 160));
  throw new ConvertError(
    'USAGE',
    `reading a hook: found ${found}, wanted POINT=/PROGRAM[,ARGUMENT...] with a point of ${hookPoints.join(', ')}`,
    { hint: '--hook poststart=/usr/bin/logger,started' },
  );
}

/** Those of several sources, in their order. */
export function joinHooks(all: readonly Hooks[]): Hooks {
  const joined = hookPoints.map(
    (point) => [point, all.flatMap((one) => one[point] ?? [])] as const,
  );
  return Object.fromEntries(joined.filter(([, hooks]) => hooks.length > 0));
}
