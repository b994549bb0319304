import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStore } from '../../store/index.ts';
import { freePort } from '../support/apps/outcome.ts';
import { runCli } from '../support/cli.ts';
import { findProgram } from '../support/docker-registry.ts';
import { helloImage } from '../support/hello-image.ts';
import { copyRealKernel, findRealKernel, whyNoRealOsv } from '../support/kernels.ts';
import { imageOfApp, type PublishedApp, publishApps } from '../support/published-apps.ts';
import { type Registry, startRegistry } from '../support/registry/registry.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const reason =
  (await whyNoRealOsv()) ??
  (findProgram('dotnet') === undefined ? 'no .NET runtime is on this host' : undefined);
if (reason !== undefined) console.log(`skipped: booting real OSv, for ${reason}`);

/** Under emulation .NET takes seconds to start, on a busy machine minutes. */
const patience = 240_000;

describe.skipIf(reason !== undefined)('a real OSv kernel', () => {
  const folder = temporaryFolder('osv');
  let registry: Registry;
  const store = (): string => join(folder, 'store');
  const refOf = (name: string): string => `${registry.host}/${name}:1.0`;

  beforeAll(async () => {
    const apps = await publishApps(join(folder, 'apps'));
    const args: Record<PublishedApp['name'], readonly string[]> = {
      console: ['a b', 'pa$$w$x', 'žluť', '"quoted"', ''],
      web: [],
    };
    registry = await startRegistry({
      images: {
        'hello-aot:1.0': await helloImage(),
        ...Object.fromEntries(
          apps.map((app) => [
            `${app.name}:1.0`,
            imageOfApp(app, { compression: 'gzip', args: args[app.name] }),
          ]),
        ),
      },
    });
    await copyRealKernel(await openStore(store()));
  });

  afterAll(async () => {
    await registry.close();
  });

  const build = async (name: string, disk: string, ...more: string[]): Promise<void> => {
    const args = ['build', refOf(name), '-o', disk, '--store', store(), ...more];
    const built = await runCli(args);
    expect(built, built.stderr).toMatchObject({ code: 0 });
  };

  it(
    'runs a .NET 10 console app, its arguments and variables intact',
    async () => {
      const disk = join(folder, 'console.qcow2');
      await build('console', disk, '--env', 'GREETING=dobrý den; & "x" \\ $y');
      const { code, stdout, stderr } = await runCli(['run', disk, '--store', store()]);
      expect(stdout).toContain(
        'console: args=[a b|pa$$w$x|žluť|"quoted"|] cwd=/app env GREETING=dobrý den; & "x" \\ $y',
      );
      expect(code, stderr).toBe(0);
    },
    patience,
  );

  it(
    'boots from the disk itself, without an ELF',
    async () => {
      const bare = join(folder, 'bare');
      const { store: real, kernel } = (await findRealKernel()) ?? {};
      const loader = kernel?.loader && (await real?.blobs.read(kernel.loader.digest, 64 << 20));
      const { addKernel } = await import('../../src/osv/kernels.ts');
      await addKernel(await openStore(bare), [
        { name: 'loader.img', bytes: loader ?? Buffer.of() },
      ]);
      const disk = join(folder, 'hello.raw');
      const built = await runCli(['build', refOf('hello-aot'), '-o', disk, '--store', bare]);
      expect(built, built.stderr).toMatchObject({ code: 0 });
      const { stdout, stderr } = await runCli(['run', disk, '--store', bare]);
      expect(stderr).toContain('booting from the disk');
      expect(stdout).toContain('Hello from a disk|made without root in /app');
    },
    patience,
  );

  it(
    'runs an image straight from its reference',
    async () => {
      const args = ['run', refOf('hello-aot'), '--no-cache', '--env', 'GREETING=hi there'];
      const { code, stdout, stderr } = await runCli([...args, '--store', store()]);
      expect(stdout).toContain('GREETING=hi there');
      expect(code, stderr).toBe(0);
    },
    patience,
  );

  it(
    'serves HTTP from an ASP.NET Core app through a forwarded port, until Ctrl-C',
    async () => {
      const disk = join(folder, 'web.raw');
      await build('web', disk);
      const port = await freePort();
      const interrupt = new AbortController();
      let answered: Promise<readonly string[]> | undefined;
      const args = ['run', disk, '-p', `${port}:8080`, '--cpus', '2', '--env', 'GREETING=hey'];
      const result = await runCli([...args, '--store', store()], {
        signal: interrupt.signal,
        onStdout: (text) => {
          if (answered !== undefined || !text.includes('Now listening on')) return;
          const get = async (path: string): Promise<string> =>
            await (await fetch(`http://127.0.0.1:${port}${path}`)).text();
          answered = Promise.all([get('/'), get('/env/GREETING')]).finally(() => interrupt.abort());
        },
      });
      expect(await answered, result.stdout + result.stderr).toEqual(['web: hello\n', 'hey\n']);
      expect(result.code).toBe(130);
    },
    patience,
  );
});
