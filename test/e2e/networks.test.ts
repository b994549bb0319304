import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { openStore } from '../../store/index.ts';
import { runCli } from '../support/cli.ts';
import { helloImage } from '../support/hello-image.ts';
import { copyRealKernel, whyNoRealOsv } from '../support/kernels.ts';
import { startRegistry } from '../support/registry/registry.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const reason = await whyNoRealOsv();
if (reason !== undefined) console.log(`skipped: networks of real OSv, for ${reason}`);

/** On a busy machine. */
const patience = 120_000;

describe.skipIf(reason !== undefined)('run, with a real OSv kernel', () => {
  const folder = temporaryFolder('networks');
  let disk = '';

  beforeAll(async () => {
    disk = join(folder, 'hello.raw');
    const registry = await startRegistry({ images: { 'hello:1.0': await helloImage() } });
    await copyRealKernel(await openStore(join(folder, 'store')));
    const ref = `${registry.host}/hello:1.0`;
    const built = await runCli(['build', ref, '-o', disk, '--store', join(folder, 'store')]);
    await registry.close();
    expect(built, built.stderr).toMatchObject({ code: 0 });
  }, patience);

  const run = (...words: string[]) =>
    runCli(['run', disk, '--store', join(folder, 'store'), '--verbose', ...words]);

  it.each([
    [['none'], []],
    [['user'], ['eth0: 10.0.2.15']],
    [['user,ip=192.0.2.9/24,gateway=192.0.2.2,dns=192.0.2.3'], ['eth0: 192.0.2.9']],
    [
      ['user', 'user'],
      ['eth0: 10.0.2.15', 'eth1: 10.0.3.15'],
    ],
  ])(
    'gives the guest the addresses of the networks %j',
    async (networks, addresses) => {
      const { code, stdout, stderr } = await run(
        ...networks.flatMap((network) => ['--network', network]),
      );
      expect(code, stderr).toBe(0);
      expect(stdout).toContain('Hello from a disk');
      expect(stdout.match(/^eth\d: \d.*\d/gm) ?? []).toEqual(addresses);
    },
    patience,
  );

  it(
    'prints with --dry-run the command that runs the machine',
    async () => {
      const planned = await run('--network', 'none', '--env', "GREETING=it's $HOME", '--dry-run');
      const { stdout } = await promisify(execFile)('sh', ['-c', planned.stdout]);
      expect(stdout).toContain("GREETING=it's $HOME");
    },
    patience,
  );

  it(
    'fails when the guest ends before it is ready',
    async () => {
      const { code, stderr } = await run('--wait-line', 'never said');
      expect(code).toBe(12);
      expect(stderr).toMatch(/found its end.*MACHINE_NOT_READY/s);
    },
    patience,
  );
});
