import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { top } from './support/top.ts';

/** Runs a module as a program that depends on the package would. */
async function run(script: string): Promise<unknown> {
  const args = ['--input-type=module', '-e', script];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: top });
  return JSON.parse(stdout);
}

describe('the package', () => {
  it('exports what the command line does', async () => {
    const names = await run(
      `import * as api from 'osv-convert'; console.log(JSON.stringify(Object.keys(api)));`,
    );
    const wanted = [
      'convert',
      'inspect',
      'load',
      'openStore',
      'pull',
      'push',
      'runMachine',
      'save',
    ];
    expect(names).toEqual(expect.arrayContaining(wanted));
  });

  it('exports the store alone, without the converter', async () => {
    const names = await run(
      `import * as store from 'osv-convert/store'; console.log(JSON.stringify(Object.keys(store)));`,
    );
    expect(names).toContain('openStore');
    expect(names).not.toContain('convert');
  });

  it('ships what it exports and what tells of it, and none of the tests', async () => {
    const args = ['pack', '--dry-run', '--json', '--ignore-scripts'];
    const { stdout } = await promisify(execFile)('npm', args, { cwd: top });
    const [pack] = JSON.parse(stdout);
    const paths: readonly string[] = pack.files.map(({ path }: { path: string }) => path);
    const wanted = [
      'README.md',
      'dist/src/cli/main.js',
      'dist/src/index.d.ts',
      'dist/src/index.js',
      'dist/store/index.d.ts',
      'dist/store/index.js',
      'schemas/report.schema.json',
      'store/README.md',
    ];
    expect(paths).toEqual(expect.arrayContaining(wanted));
    expect(paths.filter((path) => /^(dist\/)?(test|fixtures)\//.test(path))).toEqual([]);
  });

  it('exports its schemas', async () => {
    const title = await run(
      `import { createRequire } from 'node:module';
       const schema = createRequire(import.meta.url)('osv-convert/schemas/report.schema.json');
       console.log(JSON.stringify(schema.title));`,
    );
    expect(title).toContain('FILE.json');
  });
});
