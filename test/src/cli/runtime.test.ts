import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { createValidator } from '../../../schemas/index.ts';
import { exitCodes } from '../../../src/error.ts';
import { type CliResult, runCli } from '../../support/cli.ts';
import { runtimeFolder } from '../../support/published-apps.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const folder = temporaryFolder('runtime-cli');
let dotnet = '';

beforeAll(async () => {
  dotnet = await runtimeFolder(join(folder, 'dotnet'));
});

const runtime = (...args: string[]): Promise<CliResult> =>
  runCli(['runtime', ...args, '--quiet', '--store', join(folder, 'store')], {
    cwd: folder,
    env: { PATH: '/nowhere', DOTNET_ROOT: dotnet },
  });

describe('osv-convert runtime', () => {
  it('add, ls and rm show one runtime, then none, as text and as their schemas say', async () => {
    const [isAdded, isListed] = [
      await createValidator('runtime-add'),
      await createValidator('runtime-ls'),
    ];
    const added = await runtime('add', 'host', '--name', 'mine', '--json');
    expect(added, added.stderr).toMatchObject({ code: exitCodes.ok });
    const kept = JSON.parse(added.stdout);
    expect(isAdded(kept)).toBeUndefined();
    expect(kept).toMatchObject({ name: 'runtime/mine', origin: 'host' });

    const listed = JSON.parse((await runtime('ls', '--json')).stdout);
    expect(isListed(listed)).toBeUndefined();
    expect(listed.kept).toEqual([kept]);
    const [{ version }] = kept.frameworks;
    expect(listed.host[0]).toEqual({
      path: dotnet,
      hostfxr: kept.hostfxr,
      frameworks: kept.frameworks,
      problems: [],
    });
    const { stdout } = await runtime('ls');
    expect(stdout).toMatch(
      new RegExp(
        `^ON THIS HOST +FRAMEWORK +VERSION\n${dotnet} +Microsoft.AspNetCore.App +${version}\n`,
      ),
    );
    expect(stdout).toMatch(
      new RegExp(`\n\nKEPT .*\nruntime/mine +.*  ${kept.digest.slice(7, 19)}  .* MiB +host\n$`),
    );

    const images = await runCli(['rm', 'runtime/mine', '--store', join(folder, 'store')]);
    expect(images).toMatchObject({ code: exitCodes.notFound });
    expect(images.stderr).toContain('try: osv-convert runtime rm runtime/mine');
    expect(await runtime('rm', 'mine')).toMatchObject({ stdout: 'runtime/mine removed\n' });
    expect(JSON.parse((await runtime('ls', '--json')).stdout).kept).toEqual([]);
  });

  it('says what is wrong with what was typed', async () => {
    await writeFile(join(folder, 'noise.tar.gz'), 'no tar');
    for (const [args, code, found] of [
      [['add', './noise.tar.gz'], exitCodes.corrupt, 'found no whole tar'],
      [['add', '.'], exitCodes.runtime, 'found no .NET there'],
      [['add', 'nothing'], exitCodes.runtime, 'found none kept in the store, wanted "nothing"'],
      [['add', 'host', '--name', 'A B'], exitCodes.usage, 'naming a runtime: found "A B"'],
      [['rm', 'nothing'], exitCodes.runtime, 'wanted runtime/nothing'],
      [['add'], exitCodes.usage, 'found no <from>, wanted host, a folder'],
    ] as const) {
      const { stderr, stdout, code: ended } = await runtime(...args);
      expect(stderr).toContain(found);
      expect(stdout).toBe('');
      expect(ended).toBe(code);
    }
  });
});
