import { existsSync } from 'node:fs';
import type { Store } from '../../../store/index.ts';
import type { OnEvent } from '../../event.ts';

/** A folder that is misspelt would be told to be empty and sound: it becomes a store when written to. */
export function warnIfAbsent({ path }: Pick<Store, 'path'>, onEvent: OnEvent): void {
  if (existsSync(path)) return;
  onEvent({ event: 'warning', text: `found no store at ${path}` });
}
