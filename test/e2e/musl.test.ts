import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Report } from '../../src/report.ts';
import { openStore } from '../../store/index.ts';
import { alpineImage } from '../support/alpine.ts';
import { findJail, outcomeInBareFolder, writeBareFolder } from '../support/apps/bare-folder.ts';
import { runCli } from '../support/cli.ts';
import { findProgram } from '../support/docker-registry.ts';
import { copyRealKernel, findRealKernel } from '../support/kernels.ts';
import { type Registry, startRegistry } from '../support/registry/registry.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const jail = findJail();
const hasRuntime = findProgram('dotnet') !== undefined;
const boots = findProgram('qemu-system-x86_64') && (await findRealKernel());
if (!hasRuntime) console.log('skipped: apps for musl, for no .NET runtime is on this host');
else if (!boots) console.log('skipped: booting an app for musl, for want of QEMU or a real kernel');

/** Under emulation .NET takes seconds to start, on a busy machine minutes. */
const patience = 240_000;

describe.skipIf(!hasRuntime)('an app of an Alpine image', () => {
  const folder = temporaryFolder('musl');
  let registry: Registry;

  beforeAll(async () => {
    registry = await startRegistry({
      images: {
        'portable:1': alpineImage('console', ['dotnet', 'console.dll', 'a b']),
        'single:1': alpineImage('console-singlefile', ['/app/console', 'a b']),
      },
    });
    await copyRealKernel(await openStore(join(folder, 'store')));
  });

  afterAll(async () => {
    await registry?.close();
  });

  const commandOf = (name: string, command: string, ...more: readonly string[]) =>
    runCli([command, `${registry.host}/${name}:1`, ...more, '--store', join(folder, 'store')]);

  it.skipIf(jail === undefined)(
    'runs in a bare folder with a runtime for glibc when it is portable (DOTNET.md 5)',
    async () => {
      const disk = join(folder, 'portable.raw');
      const built = await commandOf('portable', 'build', '-o', disk, '--boot', 'direct');
      expect(built.code, built.stderr).toBe(0);
      const report: Report = JSON.parse(await readFile(`${disk}.json`, 'utf8'));
      const bare = join(folder, 'portable');
      await writeBareFolder(disk, bare);
      const found = await outcomeInBareFolder(jail ?? 'bwrap', bare, report, {});
      expect(found.output, found.talk).toContain('console: args=[a b] cwd=/app');
    },
  );

  it('is noted and found without fault by check', async () => {
    const { code, stdout } = await commandOf('single', 'check', '--json');
    const { counts, findings } = JSON.parse(stdout);
    expect(code).toBe(0);
    expect(counts).toMatchObject({ error: 0, warning: 0 });
    expect(findings).toContainEqual(
      expect.objectContaining({ rule: 'built-for-musl', severity: 'note' }),
    );
  });

  it.skipIf(!boots)(
    'boots on a real kernel when it is a single file',
    async () => {
      const { stdout, stderr, code } = await commandOf('single', 'run', '--no-cache');
      expect(stdout, stderr).toContain('console: args=[a b] cwd=/app');
      expect(code).toBe(0);
    },
    patience,
  );
});
