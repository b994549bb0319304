import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createValidator } from '../../../schemas/index.ts';
import { type CliResult, runCli } from '../../support/cli.ts';
import { startRegistry } from '../../support/registry/registry.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { fakeKernelElf, fakeLoader } from '../osv/fake-kernel.ts';

const folder = temporaryFolder('kernel');
let releases: Server;
let url = '';
const assets = new Map<string, Uint8Array>([
  ['/v0.57.0/osv-loader-hidden.qemu.x86_64', fakeLoader()],
  ['/v0.57.0/osv-loader-hidden.elf.x86_64.gz', gzipSync(fakeKernelElf())],
]);

beforeAll(async () => {
  releases = createServer((request, response) => {
    const asset = assets.get(request.url ?? '');
    response.writeHead(asset === undefined ? 404 : 200).end(asset);
  }).listen(0, '127.0.0.1');
  await once(releases, 'listening');
  const address = releases.address();
  url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : address}`;
});

afterAll(() => {
  releases.close();
  releases.closeAllConnections();
});

const kernel = (store: string, ...args: string[]): Promise<CliResult> =>
  runCli(['kernel', ...args, '--json', '--store', join(folder, store)]);

describe('osv-convert kernel', () => {
  it('fetch takes a release, and refuses it when its bytes have changed', async () => {
    const first = await kernel('fetched', 'fetch', '--url', url);
    expect(first.stderr).toBe('');
    expect(first.code).toBe(0);
    expect(JSON.parse(first.stdout)).toMatchObject({ name: 'v0.57.0', symbols: 'hidden' });

    const changed = fakeLoader();
    changed[changed.length - 1] = 0xaa;
    assets.set('/v0.57.0/osv-loader-hidden.qemu.x86_64', changed);
    const second = await kernel('fetched', 'fetch', '--url', url);
    expect(JSON.parse(second.stderr)).toMatchObject({ code: 'KERNEL_DIGEST_CHANGED', exitCode: 9 });
    expect(second.code).toBe(9);
    expect(second.stdout).toBe('');
    const { kernels } = JSON.parse((await kernel('fetched', 'ls')).stdout);
    expect(kernels).toEqual([{ ...JSON.parse(first.stdout), default: true }]);
  });

  it('add, ls and rm show one kernel, then none', async () => {
    const loader = join(folder, 'loader.img');
    const elf = join(folder, 'loader-stripped.elf');
    await Promise.all([writeFile(loader, fakeLoader()), writeFile(elf, fakeKernelElf())]);
    const added = await kernel('added', 'add', loader, elf, '--name', 'mine');
    expect(added.code).toBe(0);
    expect(JSON.parse(added.stdout)).toMatchObject({
      name: 'mine',
      loader: { size: fakeLoader().length },
      elf: { size: fakeKernelElf().length },
    });
    expect(JSON.parse((await kernel('added', 'ls')).stdout)).toEqual({
      kernels: [{ ...JSON.parse(added.stdout), default: true }],
    });
    const schema = await createValidator('kernel-inspect');
    const told = JSON.parse((await kernel('added', 'inspect', 'mine', '--symbols')).stdout);
    expect(schema(told)).toBeUndefined();
    expect(told).toMatchObject({ name: 'mine', names: ['errno'], exported: { all: 1, c: 1 } });
    const ofFile = JSON.parse((await kernel('added', 'inspect', loader)).stdout);
    expect(schema(ofFile)).toBeUndefined();
    const text = await runCli(['kernel', 'inspect', elf, '--store', join(folder, 'added')]);
    expect(text.stdout).toMatch(/^TLS limit +552 bytes$/m);
    expect(text.stdout).toMatch(/^boot +pvh +yes +the Xen note PHYS32_ENTRY$/m);
    const missing = await kernel('added', 'inspect', 'nope');
    expect(JSON.parse(missing.stderr)).toMatchObject({ code: 'KERNEL_NOT_FOUND' });
    const removed = await kernel('added', 'rm', 'mine');
    expect(JSON.parse(removed.stdout)).toEqual({ removed: 'mine' });
    expect(JSON.parse((await kernel('added', 'ls')).stdout)).toEqual({ kernels: [] });
  });

  it('push and pull move a kernel through a registry', async () => {
    const elf = join(folder, 'pushed.elf');
    await writeFile(elf, fakeKernelElf());
    await kernel('pushed', 'add', elf, '--name', 'mine');
    const registry = await startRegistry({ images: {} });
    const reference = `${registry.host}/acme/osv:1`;
    const pushed = await kernel('pushed', 'push', 'mine', reference);
    expect(pushed.code, pushed.stderr).toBe(0);
    const pulled = await kernel('pulled', 'pull', reference, '--default');
    expect(pulled.code, pulled.stderr).toBe(0);
    const { digest } = JSON.parse(pushed.stdout);
    expect(JSON.parse(pulled.stdout)).toMatchObject({
      name: 'osv-1',
      origin: `${reference}@${digest}`,
    });
    const missing = await kernel('pulled', 'push', 'nope', reference);
    expect(JSON.parse(missing.stderr)).toMatchObject({ code: 'KERNEL_NOT_FOUND' });
    await registry.close();
  });
});
