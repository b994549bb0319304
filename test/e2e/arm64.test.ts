import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { planMachine } from '../../src/boot.ts';
import { check } from '../../src/check.ts';
import { type ConvertOptions, convert } from '../../src/convert.ts';
import { machines } from '../../src/elf/elf.ts';
import { addKernel } from '../../src/osv/kernels.ts';
import { runMachine } from '../../src/run/run-machine.ts';
import { keepRuntime } from '../../src/runtimes/keep.ts';
import { openStore, type Store } from '../../store/index.ts';
import { core, type ImageFiles, managed, runtime } from '../src/dotnet/image-builder.ts';
import { buildElf } from '../src/elf/elf-builder.ts';
import { fakeArmLoader, fakeKernelElf } from '../src/osv/fake-kernel.ts';
import { runCli } from '../support/cli.ts';
import { findProgram } from '../support/docker-registry.ts';
import { buildImage } from '../support/image.ts';
import { copyRealKernel, findRealKernel } from '../support/kernels.ts';
import { file, type LayerItem } from '../support/layers.ts';
import { writeLayout } from '../support/layout.ts';
import { readDisk } from '../support/rofs-reader.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { top } from '../support/top.ts';

/** R_AARCH64_RELATIVE, _TLSDESC and _JUMP_SLOT, as LLD orders them in .NET's libraries. */
const relocations = { table: [1027, 1031], jumps: [1026] };
const arm = { machine: machines.arm64, relocations };
const armFolder = '/usr/lib/aarch64-linux-gnu';

const base: ImageFiles = Object.fromEntries(
  ['libstdc++.so.6', 'libgcc_s.so.1', 'libssl.so.3', 'libcrypto.so.3'].map((soname) => [
    `${armFolder}/${soname}`,
    buildElf({ soname, machine: machines.arm64 }),
  ]),
);
const portable: ImageFiles = {
  ...managed('app', { frameworks: [core('10.0.0')] }),
  '/app/runtimes/linux-arm64/native/libn.so': buildElf({
    ...arm,
    symbols: undefinedOf('lacked', 'operand'),
  }),
  '/app/runtimes/linux-x64/native/libn.so': buildElf({ symbols: undefinedOf('of_x64') }),
};

function undefinedOf(...names: readonly string[]) {
  return names.map((name) => ({ name, defined: false }));
}

const folder = temporaryFolder('arm64');
let store: Store;

beforeAll(async () => {
  store = await openStore(join(folder, 'store'));
  const symbols = [{ name: 'malloc', defined: true }];
  const elf = fakeKernelElf({ machine: machines.arm64, symbols });
  await addKernel(store, [{ name: 'arm', bytes: fakeArmLoader(elf) }], { name: 'arm' });
  await addKernel(store, [{ name: 'other', bytes: fakeKernelElf() }], {
    name: 'other',
    setDefault: true,
  });
});

const itemsOf = (files: ImageFiles): LayerItem[] =>
  Object.entries(files).map(([path, what]) => {
    if (typeof what === 'object' && 'link' in what) throw new Error(`${path} is a link`);
    return file(path.slice(1), what, { mode: 0o755 });
  });

/** An image for linux/arm64, of a layer each. */
async function imageWith(
  name: string,
  command: readonly string[],
  ...layers: readonly ImageFiles[]
): Promise<string> {
  const image = buildImage({
    architecture: 'arm64',
    layers: layers.map(itemsOf),
    config: { Entrypoint: command, WorkingDir: '/app' },
  });
  await writeLayout(join(folder, name), 'a', image);
  return `oci:${join(folder, name)}:a`;
}

const build = (reference: string, output: string, options: Partial<ConvertOptions> = {}) =>
  convert(store, reference, join(folder, output), {
    ...{ boot: 'bios', format: 'raw', platform: 'linux/arm64', hostEnv: { PATH: '/nowhere' } },
    ...options,
  });

describe('an image for linux/arm64', () => {
  const command = ['dotnet', '/app/app.dll'];
  const net10 = runtime({ core: ['10.0.3'] }, { elf: arm });

  test('becomes a disk with its runtime and libraries, and the kernel beside it', async () => {
    const image = await imageWith('whole', command, base, net10, portable);
    const report = await build(image, 'whole.raw');
    expect(report).toMatchObject({
      image: { platform: 'linux/arm64' },
      kernel: { name: 'arm', architecture: 'aarch64' },
      runtime: { from: 'image' },
    });
    const nodes = readDisk(join(folder, 'whole.raw'));
    const linkTo = (path: string) => nodes.find((node) => node.path === path)?.target;
    expect(linkTo('/usr/lib/libstdc++.so.6')).toBe(`${armFolder}/libstdc++.so.6`);
    const paths = nodes.map(({ path }) => path);
    expect(paths).toContain('/app/runtimes/linux-arm64/native/libn.so');
    expect(paths).not.toContain('/app/runtimes/linux-x64/native/libn.so');
    const beside = await readFile(join(folder, 'whole.raw.kernel'));
    expect(beside.toString('latin1', 56, 60)).toBe('ARM\x64');
    expect(beside.includes('/usr/share/dotnet/dotnet /app/app.dll !')).toBe(true);

    await build(image, 'again.raw');
    const [one, two] = await Promise.all(
      ['whole.raw', 'again.raw'].map((name) => readFile(join(folder, name))),
    );
    expect(two?.equals(one ?? Buffer.alloc(0))).toBe(true);
  });

  test('is checked against the symbols and relocations of its own natives', async () => {
    const image = await imageWith('whole', command, base, net10, portable);
    const { findings } = await check(store, image, {
      platform: 'linux/arm64',
      hostEnv: { PATH: '/nowhere' },
    });
    const found = (rule: string) => findings.find((one) => one.rule === rule)?.evidence;
    expect(found('missing-symbol')).toMatchObject({
      file: '/app/runtimes/linux-arm64/native/libn.so',
      found: 'calls lacked',
    });
    expect(found('relocations-moved')).toMatchObject({ found: '1 TLS descriptors' });
    expect(found('kernel-architecture')).toBeUndefined();
    expect(JSON.stringify(findings)).not.toContain('of_x64');
  });

  test('is said to boot with the kernel beside its disk', async () => {
    const image = await imageWith('whole', command, base, net10, portable);
    const disk = join(folder, 'said.raw');
    const { stdout, stderr } = await runCli([
      ...['build', image, '--platform', 'linux/arm64', '-o', disk],
      ...['--store', join(folder, 'store'), '--no-cache'],
    ]);
    expect(stdout, stderr).toContain(`boots with  ${disk}.kernel, the kernel with its command`);
    expect(existsSync(`${disk}.kernel`)).toBe(true);
  });

  test('takes a kept runtime for arm64, and none for x64', async () => {
    const image = await imageWith('bare', command, base, portable);
    const x64 = join(folder, 'dotnet-x64');
    await layOut(x64, runtime({ core: ['10.0.3'] }, { root: '' }));
    await expect(build(image, 'bare.raw', { runtime: x64 })).rejects.toMatchObject({
      code: 'FRAMEWORK_NOT_FOUND',
      message: expect.stringContaining('/dotnet is for x64, wanted arm64'),
    });
    const arm64 = join(folder, 'dotnet-arm64');
    await layOut(arm64, runtime({ core: ['10.0.3'] }, { root: '', elf: arm }));
    const hostEnv = { PATH: '/nowhere' };
    const other = await keepRuntime(store, x64, { hostEnv });
    const kept = await keepRuntime(store, arm64, { hostEnv });
    expect([other, kept]).toMatchObject([
      { name: 'runtime/dotnet-10.0.3', architecture: 'x64' },
      { name: 'runtime/dotnet-10.0.3-arm64', architecture: 'arm64' },
    ]);
    const report = await build(image, 'bare.raw');
    expect(report.runtime).toMatchObject({ from: 'kept', name: kept.name });
  });
});

async function layOut(root: string, files: ImageFiles): Promise<void> {
  for (const [path, what] of Object.entries(files)) {
    if (typeof what === 'object' && 'link' in what) continue;
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), what, { mode: 0o755 });
  }
}

/** Of gcc's packages for another processor: what .NET needs besides the C library. */
const crossFolder = '/usr/aarch64-linux-gnu/lib';
const crossLibraries = ['libstdc++.so.6', 'libgcc_s.so.1'];
const reason = await whyNot();
if (reason !== undefined) console.log(`skipped: booting .NET for arm64, for ${reason}`);

async function whyNot(): Promise<string | undefined> {
  const absent = ['qemu-system-aarch64', 'dotnet'].find((name) => findProgram(name) === undefined);
  if (absent !== undefined) return `want of ${absent}`;
  if (!crossLibraries.every((name) => existsSync(join(crossFolder, name))))
    return `want of libraries in ${crossFolder}`;
  const packages = process.env['NUGET_PACKAGES'] ?? join(homedir(), '.nuget/packages');
  if (!existsSync(join(packages, 'microsoft.netcore.app.runtime.linux-arm64')))
    return 'want of the runtime pack for linux-arm64';
  return (await findRealKernel('aarch64')) === undefined
    ? 'the default store has no kernel for aarch64 with hidden symbols'
    : undefined;
}

test.skipIf(reason !== undefined)('a published app for linux-arm64 runs on OSv', async () => {
  const output = join(folder, 'publish');
  const project = join(folder, 'console');
  await mkdir(project);
  for (const name of ['Program.cs', 'console.csproj']) {
    await writeFile(join(project, name), await readFile(join(top, 'fixtures/apps/console', name)));
  }
  const props = 'Directory.Build.props';
  await writeFile(join(project, props), await readFile(join(top, 'fixtures/apps', props)));
  await promisify(execFile)('dotnet', [
    ...['publish', project, '--configuration', 'Release', '--disable-build-servers', '--nologo'],
    ...['--artifacts-path', join(folder, 'artifacts')],
    ...['--runtime', 'linux-arm64', '--self-contained', '--output', output],
  ]);
  const app = Object.fromEntries(
    await Promise.all(
      (await readdir(output)).map(
        async (name) => [`/app/${name}`, await readFile(join(output, name))] as const,
      ),
    ),
  );
  const libraries = Object.fromEntries(
    await Promise.all(
      crossLibraries.map(
        async (name) => [`${armFolder}/${name}`, await readFile(join(crossFolder, name))] as const,
      ),
    ),
  );
  const image = await imageWith('real', ['/app/console', 'a b'], libraries, app);
  const kernel = await copyRealKernel(store, 'aarch64');
  const disk = join(folder, 'real.raw');
  await build(image, 'real.raw', { ...(kernel && { kernel: kernel.name }) });
  const machine = await planMachine(store, disk, {
    ...{ memory: 512, cpus: 1, accelerator: 'auto', forwards: [], env: new Map() },
    ...(kernel && { kernel: kernel.name }),
  });

  const said: Uint8Array[] = [];
  await runMachine(machine, {
    onOutput: (bytes) => void said.push(Uint8Array.from(bytes)),
    timeout: 240_000,
  });

  const text = Buffer.concat(said).toString();
  expect(text).toContain('console: args=[a b]');
});
