import { existsSync, readdirSync } from 'node:fs';
import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addKernel } from '../../../src/osv/kernels.ts';
import { openStore } from '../../../store/index.ts';
import { selfSignedCertificate } from '../../support/certificate.ts';
import { type CliResult, runCli } from '../../support/cli.ts';
import { helloImage } from '../../support/hello-image.ts';
import { buildImage } from '../../support/image.ts';
import { buildLayer, directory, file } from '../../support/layers.ts';
import { otherUser } from '../../support/other-user.ts';
import { runtimeFolder } from '../../support/published-apps.ts';
import type { Fault } from '../../support/registry/faults.ts';
import { type Registry, startRegistry } from '../../support/registry/registry.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { fakeKernelElf, fakeLoader } from '../osv/fake-kernel.ts';

const folder = temporaryFolder('failures');
let registry: Registry;
let stores = 0;

const consoleApp = (framework: string) =>
  buildImage({
    layers: [
      [
        directory('app'),
        file('app/app.dll', 'MZ'),
        file(
          'app/app.runtimeconfig.json',
          JSON.stringify({
            runtimeOptions: { framework: { name: 'Microsoft.NETCore.App', version: framework } },
          }),
        ),
      ],
    ],
    config: { Entrypoint: ['dotnet', '/app/app.dll'], WorkingDir: '/app' },
  });

beforeAll(async () => {
  const corruptGzip = gzipSync(Buffer.alloc(4096, 7)).fill(0xff, 12, 20);
  const windows = buildImage({ layers: [[file('a', 'b')]], os: 'windows' });
  const shell = buildImage({
    layers: [[file('start.sh', '#!/bin/sh\ndotnet app.dll\n', { mode: 0o755 })]],
    config: { Entrypoint: ['/start.sh'] },
  });

  const nginx = buildImage({
    layers: [[file('usr/sbin/nginx', 'no ELF', { mode: 0o755 })]],
    config: { Entrypoint: ['/usr/sbin/nginx'] },
  });
  registry = await startRegistry({
    images: {
      'hello:1.0': await helloImage(),
      'windows:1.0': windows,
      'shell:1.0': shell,
      'nginx:1.0': nginx,
      'future:1.0': consoleApp('99.0.0'),
      'app:1.0': consoleApp('10.0.0'),
      'corrupt-gzip:1.0': buildImage({ layers: [buildLayer([], { blob: corruptGzip })] }),
      'corrupt-tar:1.0': buildImage({ layers: [Buffer.alloc(4096, 7)] }),
    },
  });
});

afterAll(async () => {
  await registry.close();
});

/** Runs the tool on a store of its own. */
async function failing(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<CliResult & { readonly store: string }> {
  stores += 1;
  const store = join(folder, `store-${stores}`);
  return { ...(await runCli([...args, '--store', store], { env })), store };
}

/** A failure as users see it: the exit code, one sentence with its code, and nothing half-written. */
function expectFailure(
  { code, stdout, stderr, store }: CliResult & { readonly store: string },
  wanted: { readonly code: string; readonly exit: number; readonly says: RegExp },
): void {
  expect(stderr).toContain(`(${wanted.code})`);
  expect(stderr).toMatch(wanted.says);
  expect(stderr).not.toMatch(/^\s+at .*\.js:\d+/m);
  expect(code).toBe(wanted.exit);
  expect(stdout).toBe('');
  // What came of a blob is kept for the next try, in a folder of its own.
  const ingest = existsSync(join(store, 'ingest')) ? readdirSync(join(store, 'ingest')) : [];
  expect(ingest.filter((name) => name !== 'partial')).toEqual([]);
}

const hello = (): string => `${registry.host}/hello:1.0`;

describe('osv-convert pull', () => {
  it.each([
    ['an unknown image', '/none:1.0', 'IMAGE_NOT_FOUND', 3, /none:1\.0/],
    ['an unknown tag', '/hello:2.0', 'IMAGE_NOT_FOUND', 3, /hello:2\.0/],
    ['a reference that is none', '/Hello:1.0', 'REFERENCE_INVALID', 2, /Hello/],
    ['a Windows image', '/windows:1.0', 'IMAGE_UNSUPPORTED', 7, /windows/],
    ['a corrupt gzip', '/corrupt-gzip:1.0', 'LAYER_CORRUPT', 6, /sha256:/],
    ['a corrupt tar', '/corrupt-tar:1.0', 'LAYER_CORRUPT', 6, /sha256:/],
  ])('fails on %s', async (_what, path, code, exit, says) => {
    const failed = await failing(['pull', `${registry.host}${path}`]);
    expectFailure(failed, { code, exit, says });
    expect(await (await openStore(failed.store)).refs.list()).toEqual([]);
  });

  it.each([
    ['linux/riscv64', 'PLATFORM_NOT_FOUND', 3, /linux\/amd64/],
    ['toaster', 'PLATFORM_INVALID', 2, /toaster/],
  ])('fails on the platform %s', async (platform, code, exit, says) => {
    const failed = await failing(['pull', hello(), '--platform', platform]);
    expectFailure(failed, { code, exit, says });
  });

  it('fails when nothing listens', async () => {
    const closed = await startRegistry({ images: {} });
    await closed.close();
    const failed = await failing(['pull', `${closed.host}/hello:1.0`]);
    expectFailure(failed, { code: 'REGISTRY_UNREACHABLE', exit: 5, says: new RegExp(closed.host) });
  });

  it('fails when the certificate is not trusted', async () => {
    const secure = await startRegistry({ images: {}, tls: selfSignedCertificate() });
    try {
      const failed = await failing(['pull', `${secure.host}/hello:1.0`, '--no-plain-http']);
      expectFailure(failed, { code: 'REGISTRY_TLS', exit: 5, says: /NODE_EXTRA_CA_CERTS/ });
    } finally {
      await secure.close();
    }
  });

  const status = (code: number, headers: Record<string, string> = {}): Fault => ({
    on: 'manifest',
    flaw: {
      kind: 'status',
      status: code,
      headers,
      body: '{"errors":[{"code":"X","message":"told why"}]}',
    },
  });

  it.each([
    ['401', status(401, { 'www-authenticate': 'Basic realm="x"' }), 'AUTH_REQUIRED', 4],
    ['403', status(403), 'ACCESS_DENIED', 4],
    ['404', status(404), 'IMAGE_NOT_FOUND', 3],
    ['429', status(429, { 'retry-after': '3600' }), 'REGISTRY_RATE_LIMITED', 5],
    ['500', status(500), 'REGISTRY_FAILED', 5],
    [
      'an answer that is no JSON',
      { on: 'manifest', flaw: { kind: 'body', body: '<html>' } },
      'REGISTRY_PROTOCOL|MANIFEST_INVALID|DIGEST_MISMATCH',
      undefined,
    ],
    [
      'a blob of other bytes',
      { on: 'blob', path: '/blobs/', flaw: { kind: 'corrupt' } },
      'DIGEST_MISMATCH',
      6,
    ],
    ['a blob cut short', { on: 'blob', flaw: { kind: 'truncate', to: 100 } }, 'SIZE_MISMATCH', 6],
  ] as const)('fails on %s', async (_what, fault, code, exit) => {
    const faulty = await startRegistry({
      images: { 'hello:1.0': await helloImage() },
      faults: [fault as Fault],
    });
    try {
      const failed = await failing(['pull', `${faulty.host}/hello:1.0`]);
      expect(codeIn(failed.stderr)).toMatch(new RegExp(`^(?:${code})$`));
      expectFailure(failed, {
        code: codeIn(failed.stderr),
        exit: exit ?? failed.code ?? 0,
        says: new RegExp(faulty.host),
      });
      expect(failed.code).toBeGreaterThan(1);
    } finally {
      await faulty.close();
    }
  });
});

describe('osv-convert build', () => {
  const direct = (ref: string, ...more: string[]): readonly string[] => [
    'build',
    `${registry.host}/${ref}:1.0`,
    '-o',
    join(folder, 'out.raw'),
    '--boot',
    'direct',
    ...more,
  ];

  it.each([
    ['a shell script as entry point', 'shell', 'SHELL_ENTRYPOINT', 7, /start\.sh/],
    ['an image without a .NET app', 'nginx', 'APP_NOT_FOUND', 7, /nginx/],
    [
      'a framework nobody has',
      'future',
      'FRAMEWORK_NOT_FOUND',
      8,
      /Microsoft\.NETCore\.App.*99\.0\.0/s,
    ],
  ])('fails on %s', async (_what, ref, code, exit, says) => {
    expectFailure(await failing(direct(ref)), { code, exit, says });
    expect(await readdir(folder)).not.toContain('out.raw');
    expect(await readdir(folder)).not.toContain('out.raw.json');
  });

  it('fails when --runtime names a folder without .NET', async () => {
    const failed = await failing(direct('future', '--runtime', folder));
    expectFailure(failed, { code: 'RUNTIME_NOT_FOUND', exit: 8, says: /host\/fxr/ });
  });

  it('fails when no kernel is known', async () => {
    const failed = await failing(['build', hello(), '-o', join(folder, 'out.raw')]);
    expectFailure(failed, { code: 'KERNEL_NOT_FOUND', exit: 9, says: /osv-convert kernel/ });
  });

  it('fails when a .NET app meets a kernel with exposed symbols', async () => {
    const store = join(folder, 'exposed');
    const files = [
      { name: 'loader.img', bytes: fakeLoader() },
      { name: 'loader.elf', bytes: fakeKernelElf({ exposed: true }) },
    ];
    await addKernel(await openStore(store), files, { name: 'exposed' });
    const dotnet = await runtimeFolder(join(folder, 'stand-in'));
    const output = join(folder, 'out.raw');
    const ref = `${registry.host}/app:1.0`;
    const result = await runCli([
      'build',
      ref,
      '-o',
      output,
      '--runtime',
      dotnet,
      '--store',
      store,
    ]);
    expectFailure(
      { ...result, store },
      { code: 'KERNEL_UNSUITABLE', exit: 9, says: /exposed symbols/ },
    );
  });

  it.each([
    ['a folder that is missing', 'missing/out.raw', /missing/],
    ['a folder in the place of the file', 'folder.raw', /folder\.raw/],
  ])('fails on %s, before anything is fetched', async (_what, output, says) => {
    await mkdir(join(folder, 'folder.raw'), { recursive: true });
    const asked = registry.requests.length;
    const failed = await failing([
      'build',
      hello(),
      '-o',
      join(folder, output),
      '--boot',
      'direct',
    ]);
    expectFailure(failed, { code: 'OUTPUT_UNUSABLE', exit: 10, says });
    expect(registry.requests.length).toBe(asked);
  });

  it('fails on a variable without a name', async () => {
    const failed = await failing(direct('hello', '--env', '=secret'));
    expectFailure(failed, { code: 'USAGE', exit: 2, says: /NAME=VALUE/ });
    expect(failed.stderr).not.toContain('secret');
  });
});

describe('osv-convert run and kernel', () => {
  it('run fails on a file that is not there, without asking a registry', async () => {
    const failed = await failing(['run', './none.raw']);
    expectFailure(failed, { code: 'USAGE', exit: 2, says: /none\.raw/ });
  });

  it('run and ls fail on what another user has closed', async ({ skip }) => {
    const place = join(folder, 'closed');
    const store = join(place, 'store');
    const disk = join(place, 'own.raw');
    const shut = join(place, 'shut');
    await mkdir(store, { recursive: true });
    await mkdir(shut);
    await writeFile(disk, '');
    const user = otherUser(place);
    if (user === undefined) return skip('another user may not come to the program');
    await chmod(folder, 0o755);
    await chmod(store, 0o777);
    for (const path of [disk, shut]) await chmod(path, 0);
    for (const [command, path, says] of [
      ['ls', disk, /a file this user may not read/],
      ['run', disk, /a file this user may not read/],
      ['ls', `${shut}/disk.raw`, /a folder on the way/],
    ] as const) {
      const failed = await runCli([command, path, '--store', store], {
        through: user,
        env: { XDG_CONFIG_HOME: store },
      });
      expectFailure({ ...failed, store }, { code: 'ACCESS_DENIED', exit: 4, says });
    }
    for (const path of [place, shut]) await chmod(path, 0o700);
  });

  it('run fails when QEMU is not installed', async () => {
    const disk = join(folder, 'disk.raw');
    await writeFile(disk, fakeLoader());
    const failed = await failing(['run', disk], { PATH: folder });
    expectFailure(failed, { code: 'QEMU_NOT_FOUND', exit: 12, says: /qemu-system-x86/ });
  });

  it('kernel add fails on a file that is no kernel', async () => {
    const path = join(folder, 'no-kernel');
    await writeFile(path, 'nothing of the kind');
    const failed = await failing(['kernel', 'add', path]);
    expectFailure(failed, { code: 'KERNEL_INVALID', exit: 9, says: /no-kernel/ });
  });

  it('kernel rm fails on a name that is not there', async () => {
    const failed = await failing(['kernel', 'rm', 'none']);
    expectFailure(failed, { code: 'KERNEL_NOT_FOUND', exit: 9, says: /none/ });
  });
});

describe('osv-convert', () => {
  it.each([
    ['an unknown option', ['pull', 'x', '--frobnicate'], /--frobnicate/],
    ['an unknown command', ['frobnicate'], /frobnicate/],
    ['a missing argument', ['pull'], /ref/],
    ['a format that is none', ['build', 'x', '-o', 'y', '--format', 'vhs'], /raw, qcow2/],
  ])('fails on %s', async (_what, args, says) => {
    const { code, stderr, stdout } = await runCli(args);
    expect(stderr).toMatch(says);
    expect(code).toBe(2);
    expect(stdout).toBe('');
  });

  it('fails on a folder that is no store, and changes nothing in it', async () => {
    const store = join(folder, 'letters');
    await mkdir(store);
    await writeFile(join(store, 'letter.txt'), 'dear');
    const { code, stderr } = await runCli(['images', '--store', store]);
    expect(stderr).toContain('STORE_UNUSABLE');
    expect(code).toBe(11);
    expect(await readdir(store)).toEqual(['letter.txt']);
  });

  it('reports a failure as one line of JSON when asked for JSON', async () => {
    const { stderr, code } = await failing([
      'pull',
      `${registry.host}/none:1.0`,
      '--json',
      '--quiet',
    ]);
    expect(code).toBe(3);
    expect(JSON.parse(stderr)).toMatchObject({
      event: 'error',
      code: 'IMAGE_NOT_FOUND',
      exitCode: 3,
    });
  });
});

function codeIn(stderr: string): string {
  return /\(([A-Z_]+)\)/.exec(stderr)?.[1] ?? stderr;
}
