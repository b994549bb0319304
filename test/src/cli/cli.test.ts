import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli, traceLoading } from '../../support/cli.ts';
import { helloImage } from '../../support/hello-image.ts';
import { type Registry, startRegistry } from '../../support/registry/registry.ts';
import { top } from '../../support/top.ts';

let folder = '';
let registry: Registry;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'osv-convert-cli-'));
  registry = await startRegistry({ images: { 'hello:1.0': await helloImage() } });
});

afterAll(async () => {
  await registry.close();
  await rm(folder, { recursive: true, force: true });
});

describe('osv-convert', () => {
  it.each([['--help'], ['--version'], ['build', '--help'], ['kernel', 'fetch', '--help']])(
    'loads commander and nothing heavier for %s %s %s',
    async (...args) => {
      const { code, stdout, stderr } = await runCli(args, { nodeArgs: traceLoading });
      expect(code).toBe(0);
      expect(stdout).not.toBe('');
      expect(stderr).toContain('/node_modules/commander/');
      expect(stderr).not.toMatch(/\/node_modules\/(?!commander\/)/);
    },
  );

  it('prints the version of the package', async () => {
    const { version } = JSON.parse(await readFile(join(top, 'package.json'), 'utf8'));
    expect((await runCli(['--version'])).stdout).toBe(`${version}\n`);
  });

  it('loads no network code when it lists images', async () => {
    const { stderr, code } = await runCli(['images', '--store', join(folder, 'empty')], {
      nodeArgs: traceLoading,
    });
    expect(code).toBe(0);
    expect(stderr).not.toContain('/undici/');
    expect(existsSync(join(folder, 'empty'))).toBe(false);
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
