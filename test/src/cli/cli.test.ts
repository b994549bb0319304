import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createProgram } from '../../../src/cli/program.ts';
import { isOfNetwork, loadedFiles, runCli, traceLoading } from '../../support/cli.ts';
import { helloImage } from '../../support/hello-image.ts';
import { type Registry, startRegistry } from '../../support/registry/registry.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { top } from '../../support/top.ts';
import { fakeKernelElf, packedLoader } from '../osv/fake-kernel.ts';

const folder = temporaryFolder('cli');
let registry: Registry;

beforeAll(async () => {
  registry = await startRegistry({ images: { 'hello:1.0': await helloImage() } });
});

afterAll(async () => {
  await registry.close();
});

describe('osv-convert', () => {
  it.each([['--help'], ['-h'], ['help'], ['--version']])(
    'loads nothing but its first file for %s',
    async (word) => {
      const { code, stdout, stderr } = await runCli([word], { nodeArgs: traceLoading });
      expect(code).toBe(0);
      expect(stdout).not.toBe('');
      const files = loadedFiles(stderr).filter((file) => !/^node:(fs|path)$/.test(file));
      expect(files).toEqual(['dist/bin/osv-convert.cjs']);
    },
  );

  it('prints the same help from the file that the build wrote as from the program', async () => {
    let text = '';
    createProgram()
      .configureOutput({ writeOut: (part) => (text += part) })
      .outputHelp();
    expect((await runCli(['--help'])).stdout).toBe(text);
    expect((await runCli(['--progress', 'none', '--help'])).stdout).toBe(text);
  });

  it.each([
    [['build', '--help']],
    [['kernel', 'fetch', '--help']],
    [['help', 'pull']],
    [['--json', '--help']],
  ])('loads commander and nothing heavier for %j', async (args) => {
    const { code, stdout, stderr } = await runCli(args, { nodeArgs: traceLoading });
    expect(code).toBe(0);
    expect(stdout).not.toBe('');
    const files = loadedFiles(stderr);
    expect(files).toContain('node_modules/commander/lib/command.js');
    const heavy =
      /^node_modules\/(?!commander\/)|^dist\/(schemas|store\/open)|^node:(zlib|https?|net|tls|crypto)$/;
    expect(files.filter((file) => heavy.test(file))).toEqual([]);
  });

  it('loads one command and no other', async () => {
    const { stderr } = await runCli(['images', '--help'], { nodeArgs: traceLoading });
    const files = loadedFiles(stderr);
    expect(files).toContain('dist/src/cli/images.js');
    expect(files).not.toContain('dist/src/cli/ls.js');
  });

  it('prints the version of the package', async () => {
    const { version } = JSON.parse(await readFile(join(top, 'package.json'), 'utf8'));
    expect((await runCli(['--version'])).stdout).toBe(`${version}\n`);
  });

  it('loads no network code when it lists images', async () => {
    const { stderr, code } = await runCli(['images', '--store', join(folder, 'empty')], {
      nodeArgs: traceLoading,
    });
    expect(code).toBe(0);
    expect(loadedFiles(stderr)).toContain('dist/store/open.js');
    expect(loadedFiles(stderr).filter(isOfNetwork)).toEqual([]);
    expect(existsSync(join(folder, 'empty'))).toBe(false);
  });

  it.each([
    { line: ['ls', 'IMAGE', '/app'], ends: 0, by: 'dist/src/look/list.js' },
    { line: ['check', 'IMAGE'], ends: 0, by: 'dist/src/check.js' },
    { line: ['build', 'IMAGE', '-o', 'DISK'], ends: 0, by: 'dist/src/rofs/write.js' },
  ])('loads no network code for $line of an image in the store', async ({ line, ends, by }) => {
    const store = ['--store', join(folder, 'stored')];
    const image = `${registry.host}/hello:1.0`;
    if (!existsSync(join(folder, 'stored'))) {
      await runCli(['pull', image, ...store]);
      await writeFile(join(folder, 'loader.img'), packedLoader(fakeKernelElf({})));
      await runCli(['kernel', 'add', join(folder, 'loader.img'), '--default', ...store]);
    }
    const names: Readonly<Record<string, string>> = { IMAGE: image, DISK: join(folder, 'x.img') };
    const words = line.map((word) => names[word] ?? word);
    const { code, stderr } = await runCli([...words, ...store], { nodeArgs: traceLoading });
    expect(code, stderr).toBe(ends);
    expect(loadedFiles(stderr)).toEqual(expect.arrayContaining([by, 'dist/store/open.js']));
    expect(loadedFiles(stderr).filter(isOfNetwork)).toEqual([]);
  });

  it('keeps stdout for results, whatever progress is shown', async () => {
    for (const progress of ['plain', 'json', 'none', 'auto']) {
      const store = join(folder, `progress-${progress}`);
      const args = ['pull', `${registry.host}/hello:1.0`, '--progress', progress, '--json'];
      const { code, stdout, stderr } = await runCli([...args, '--store', store]);
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ platform: 'linux/amd64' });
      if (progress === 'none') expect(stderr).toBe('');
      if (progress === 'json') {
        const events = stderr
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line).event);
        expect(events).toEqual(expect.arrayContaining(['resolved', 'download', 'layer']));
      }
    }
  });

  it('takes its options before and after the command', async () => {
    const store = join(folder, 'placed');
    await runCli(['pull', `${registry.host}/hello:1.0`, '--store', store]);
    for (const args of [
      ['--store', store, '--json', 'images'],
      ['images', '--store', store, '--json'],
    ]) {
      const { stdout } = await runCli(args);
      expect(JSON.parse(stdout).images).toHaveLength(1);
    }
  });

  it('fetches no byte again that is in the store', async () => {
    const store = join(folder, 'again');
    const args = ['pull', `${registry.host}/hello:1.0`, '--store', store];
    await runCli(args);
    const before = registry.requests.length;
    expect((await runCli(args)).code).toBe(0);
    const blobs = registry.requests.slice(before).filter(({ path }) => path.includes('/blobs/'));
    expect(blobs.length).toBeLessThanOrEqual(1);
  });
});
