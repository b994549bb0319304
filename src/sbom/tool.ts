import { existsSync, readFileSync } from 'node:fs';
import type { Tool } from './document.ts';

/** This package, by its own package.json: above the compiled files it is one folder further up. */
export function thisTool(): Tool {
  const near = new URL('../../package.json', import.meta.url);
  const file = existsSync(near) ? near : new URL('../../../package.json', import.meta.url);
  const { name, version }: Tool = JSON.parse(readFileSync(file, 'utf8'));
  return { name, version };
}
