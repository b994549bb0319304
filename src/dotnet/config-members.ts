import type { JsonObject } from './json.ts';

/** Ends the reading of a config; `problem` is a sentence part on what was found and what was wanted. */
export type Invalid = (problem: string, cause?: unknown) => never;

/** A member that is a string, where it is there. */
export function stringMember(
  members: JsonObject,
  name: string,
  invalid: Invalid,
): string | undefined {
  const value = members.get(name);
  return value === undefined || typeof value === 'string'
    ? value
    : invalid(`found ${shown(value)} as "${name}", wanted a string`);
}

/** A value as messages tell it. */
export function shown(value: unknown): string {
  return JSON.stringify(value).slice(0, 200);
}
