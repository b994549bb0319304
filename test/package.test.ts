import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rename, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { top } from './support/top.ts';

/** Runs a module as a program that depends on the package would. */
async function run(script: string): Promise<unknown> {
  const args = ['--input-type=module', '-e', script];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: top });
  return JSON.parse(stdout);
}

/** As npm installs it, with the packages it says it needs, and not those it can do without. */
async function unpackInto(folder: string): Promise<string> {
  const modules = join(folder, 'node_modules');
  await mkdir(modules);
  const pack = ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder];
  const { stdout } = await promisify(execFile)('npm', pack, { cwd: top });
  await promisify(execFile)('tar', ['-xf', join(folder, stdout.trim()), '-C', folder]);
  const home = join(modules, 'osv-convert');
  await rename(join(folder, 'package'), home);
  const { dependencies } = JSON.parse(await readFile(join(home, 'package.json'), 'utf8'));
  for (const name of Object.keys(dependencies)) {
    await symlink(join(top, 'node_modules', name), join(modules, name));
  }
  return home;
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
      'dist/bin/THIRD-PARTY.txt',
      'dist/bin/help.txt',
      'dist/bin/main.cjs',
      'dist/bin/osv-convert.cjs',
      'dist/bin/unpack-worker.js',
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

  it('works where nothing is installed but what it depends on', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'osv-convert-package-'));
    try {
      const home = await unpackInto(folder);
      const bin = join(folder, 'osv-convert');
      await symlink(join(home, 'dist/bin/osv-convert.cjs'), bin);
      const store = ['--store', join(folder, 'store')];
      const lines = [['--version'], ['images', '--json', ...store], ['help', 'store', 'gc']];
      const [version, images, help] = await Promise.all(
        lines.map(async (line) => (await promisify(execFile)(bin, line)).stdout),
      );
      const { version: wanted } = JSON.parse(await readFile(join(top, 'package.json'), 'utf8'));
      expect(version).toBe(`${wanted}\n`);
      expect(JSON.parse(images ?? '')).toEqual({ images: [] });
      expect(help).toMatch(/^Usage: osv-convert store gc /);
      const script = `
        const { openStore, pull } = await import('osv-convert');
        const { openMemoryStore } = await import('osv-convert/store');
        console.log(JSON.stringify([openStore, pull, openMemoryStore].map((one) => typeof one)));
        const store = await openMemoryStore();
        console.log(JSON.stringify(await store.refs.list()));`;
      const args = ['--input-type=module', '-e', script];
      const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: folder });
      expect(stdout).toBe('["function","function","function"]\n[]\n');
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('has the licenses of what is bundled', async () => {
    const text = await readFile(join(top, 'dist/bin/THIRD-PARTY.txt'), 'utf8');
    for (const name of ['ajv', 'commander', 'fzstd', 'undici']) {
      expect(text).toMatch(new RegExp(`^${name} \\d+\\.\\d+\\.\\d+$`, 'm'));
    }
    expect(text.match(/permission notice|Permission is hereby granted/gi)?.length).toBeGreaterThan(
      4,
    );
    expect(text).toMatch(/^undici contains llhttp.*\n.*Copyright Fedor Indutny/m);
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
