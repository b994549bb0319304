import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { errorTable, exitCodes } from '../../src/error.ts';
import { top } from '../support/top.ts';

function textOf(folder: string, ending: string): string {
  return readdirSync(join(top, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => readFileSync(join(top, folder, name), 'utf8'))
    .join('\n');
}

describe('errorTable', () => {
  const codes = Object.keys(errorTable);
  const product =
    textOf('src', '.ts').replace(/export const errorTable = \{.*?\n\}/s, '') +
    textOf('store', '.ts');
  const tests = textOf('test', '.test.ts');

  it.each(codes)('%s is thrown by the product and met by a test', (code) => {
    expect(product).toContain(`'${code}'`);
    expect(tests).toContain(code);
  });

  it('leads to exit codes the README documents', () => {
    const readme = readFileSync(join(top, 'README.md'), 'utf8');
    const documented = [...readme.matchAll(/^\| (\d+) \|/gm)].map(([, code]) => Number(code));
    expect(documented.sort((a, b) => a - b)).toEqual(
      Object.values(exitCodes).sort((a, b) => a - b),
    );
  });
});
