import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runCli } from '../../support/cli.ts';
import { helloImage } from '../../support/hello-image.ts';
import { startRegistry } from '../../support/registry/registry.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { top } from '../../support/top.ts';

// How the tool ends when the world around it does: interrupted, no room, nobody who reads.

const program = join(top, 'dist/bin/osv-convert.cjs');
const folder = temporaryFolder('ends');

describe('osv-convert pull', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)(
    'exits 130 and leaves no draft when %s comes in the middle',
    async (signal) => {
      const stalling = await startRegistry({
        images: { 'hello:1.0': await helloImage() },
        // The config comes whole: it is shorter.
        faults: [{ on: 'blob', flaw: { kind: 'stall', after: 100_000 } }],
      });
      const store = join(folder, signal);
      try {
        const args = ['pull', `${stalling.host}/hello:1.0`, '--progress', 'json'];
        const child = spawn(process.execPath, [program, ...args, '--store', store], {
          stdio: ['ignore', 'ignore', 'pipe'],
        });
        let talk = '';
        child.stderr.setEncoding('utf8').on('data', (text: string) => {
          talk += text;
          // A second signal would end it at once.
          if (!child.killed && talk.includes('"download"')) child.kill(signal);
        });
        expect(await once(child, 'close')).toEqual([130, null]);
        expect(JSON.parse(talk.trimEnd().split('\n').at(-1) ?? '')).toMatchObject({
          code: 'INTERRUPTED',
          exitCode: 130,
        });
        expect(await readdir(join(store, 'ingest'))).toEqual(['partial']);
      } finally {
        await stalling.close();
      }
    },
  );
});

describe('osv-convert build', () => {
  it('leaves nothing when the disk is full', async ({ skip }) => {
    const full = join(folder, 'full');
    await mkdir(full);
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', full]);
    if (mounted.status !== 0) skip('a small file system cannot be mounted: that needs root');
    const registry = await startRegistry({ images: { 'hello:1.0': await helloImage() } });
    try {
      for (const name of ['out.raw', 'out.qcow2']) {
        const { code, stdout, stderr } = await runCli([
          ...['build', `${registry.host}/hello:1.0`, '-o', join(full, name), '--boot', 'direct'],
          ...['--store', join(folder, 'roomy'), '--quiet', '--json'],
        ]);
        expect(stdout).toBe('');
        expect(JSON.parse(stderr)).toMatchObject({ code: 'OUTPUT_FULL', exitCode: 10 });
        expect(code).toBe(10);
        expect(await readdir(full)).toEqual([]);
      }
    } finally {
      await registry.close();
      spawnSync('umount', [full]);
    }
  });
});

describe('osv-convert', () => {
  const images = [program, 'images', '--store', 'none', '--json'];

  it('fails when its result is lost because there is no room for it', () => {
    const full = openSync('/dev/full', 'w');
    const { status, stderr } = spawnSync(process.execPath, images, {
      stdio: ['ignore', full, 'pipe'],
      encoding: 'utf8',
    });
    closeSync(full);
    expect(JSON.parse(stderr)).toMatchObject({ code: 'OUTPUT_FULL' });
    expect(status).toBe(10);
  });

  it('ends in silence when nobody reads its result', async () => {
    const child = spawn(process.execPath, images, { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.destroy();
    let talk = '';
    child.stderr.on('data', (text) => {
      talk += text;
    });
    expect(await once(child, 'close')).toEqual([0, null]);
    expect(talk).toBe('');
  });

  it('does its work when nobody hears its talk', () => {
    const full = openSync('/dev/full', 'w');
    const { status } = spawnSync(process.execPath, [program, 'kernel', 'rm', 'none'], {
      stdio: ['ignore', 'ignore', full],
      env: { ...process.env, OSV_CONVERT_STORE: join(folder, 'none') },
    });
    closeSync(full);
    expect(status).toBe(9);
  });

  it('tells wrong usage as any other failure, with nothing raw in it', async () => {
    const wrong = ['pull', 'x', '--\u001b[31mred'];
    const asJson = await runCli([...wrong, '--json']);
    expect(JSON.parse(asJson.stderr)).toMatchObject({ code: 'USAGE', exitCode: 2 });
    const asText = await runCli(wrong);
    expect(asText.stderr).toContain('\\x1b[31mred');
    expect(asText.stderr).toMatch(/\(USAGE\)\n {2}try: osv-convert pull --help\n$/);
  });

  it('shows nothing raw in a hint', async () => {
    const { stderr } = await runCli(['run', './\u001b[31mred.raw']);
    expect(stderr).toContain("-o './\\x1b[31mred.raw'");
  });
});
