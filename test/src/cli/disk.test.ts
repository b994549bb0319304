import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { createValidator } from '../../../schemas/index.ts';
import { writeDisk } from '../../../src/disk/output.ts';
import { planDisk } from '../../../src/disk/plan.ts';
import { addKernel } from '../../../src/osv/kernels.ts';
import { planRofs } from '../../../src/rofs/plan.ts';
import { openContents } from '../../../src/tree/contents.ts';
import { directory, fileOfBytes } from '../../../src/tree/nodes.ts';
import type { Node } from '../../../src/tree/tree.ts';
import { openStore } from '../../../store/index.ts';
import { type CliResult, runCli } from '../../support/cli.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { fakeKernelElf, packedLoader } from '../osv/fake-kernel.ts';
import { accessOf } from '../rofs/image.ts';

const folder = temporaryFolder('disk');
let disk = '';
const loader = packedLoader(fakeKernelElf());

beforeAll(async () => {
  disk = join(folder, 'web.qcow2');
  const file = fileOfBytes(Buffer.from('hello\n'));
  const rofs = planRofs({ root: directory(new Map<string, Node>([['app', file]])) });
  const commandLine = Buffer.from('--rootfs=rofs --env=A=1 /app "a b" !');
  const plan = planDisk({ loader: accessOf(loader), commandLine, rofs });
  await writeDisk(plan, disk, { format: 'qcow2', contents: openContents(new Map()) });
  const store = await openStore(join(folder, 'store'));
  const other = packedLoader(fakeKernelElf({ limits: [1064] }));
  await addKernel(store, [{ name: 'loader.img', bytes: loader }], {
    name: 'mine',
    setDefault: true,
  });
  await addKernel(store, [{ name: 'loader.img', bytes: other }], { name: 'other' });
});

const run = (name: string, ...args: string[]): Promise<CliResult> =>
  runCli(['disk', name, '--store', join(folder, 'store'), ...args]);

async function json(schema: string, name: string, ...args: string[]): Promise<unknown> {
  const { code, stdout, stderr } = await run(name, '--json', ...args);
  expect(code, stderr).toBe(0);
  const value: unknown = JSON.parse(stdout);
  expect((await createValidator(schema))(value)).toBeUndefined();
  return value;
}

describe('osv-convert disk', () => {
  it('inspect tells kernel and command line, as text and by its schema', async () => {
    expect(await json('disk-inspect', 'inspect', disk)).toMatchObject({
      format: 'qcow2',
      kernel: { names: ['mine'], tlsLimit: 552 },
      commandLine: {
        meaning: { env: { A: '1' }, programs: [{ words: ['/app', 'a b'], end: '!' }] },
      },
      report: { state: 'none' },
    });
    const { stdout } = await run('inspect', disk);
    expect(stdout).toContain(': a disk with a kernel, qcow2\n');
    expect(stdout).toMatch(/^kernel +mine, v0\.57\.0-398-g0e34e4dc, hidden symbols, 552 bytes/m);
    expect(stdout).toMatch(/^variable +A=1$/m);
    expect(stdout).toMatch(/^program +\/app "a b" !$/m);
  });

  it('set-env, set-cmdline and replace-kernel change it, by their schema', async () => {
    const env = await json('disk-edit', 'set-env', disk, 'B=x y', '--unset', 'A');
    expect(env).toMatchObject({ commandLine: '--rootfs=rofs --env=B=x\\ y /app "a b" !' });
    const parts = await json(
      'disk-edit',
      'set-cmdline',
      disk,
      '--arg=--urls',
      '--arg=',
      '--cwd',
      '/t',
    );
    const commandLine = '--rootfs=rofs --env=B=x\\ y --cwd=/t /app --urls "" !';
    expect(parts).toMatchObject({ commandLine });
    expect(await json('disk-edit', 'replace-kernel', disk, '--kernel', 'other')).toMatchObject({
      commandLine,
    });
    const whole = await run('set-cmdline', disk, '--no-args');
    expect(whole.stdout).toContain('command  --rootfs=rofs --env=B=x\\ y --cwd=/t /app !\n');
    const line = '--verbose /app & /b';
    expect(await json('disk-edit', 'set-cmdline', disk, '--', line)).toMatchObject({
      commandLine: line,
    });
    expect(await json('disk-inspect', 'inspect', disk)).toMatchObject({
      kernel: { names: ['other'], tlsLimit: 1064 },
      commandLine: { text: line },
    });
  });

  it('extract writes files below a folder, by its schema', async () => {
    const out = join(folder, 'out');
    expect(await json('disk-extract', 'extract', disk, '/app', '-o', out)).toMatchObject({
      paths: ['/app'],
      files: 1,
      bytes: 6,
    });
    expect(await readFile(join(out, 'app'), 'utf8')).toBe('hello\n');
  });

  it.each([
    ['nothing to set', ['set-env'], 'found nothing to set'],
    ['nothing to change', ['set-cmdline'], 'found nothing to change'],
    [
      'a line and parts of one',
      ['set-cmdline', '/a', '--cwd', '/'],
      'found a line and parts of one',
    ],
  ])('refuses %s', async (_, [command = '', ...rest], found) => {
    const { code, stderr } = await run(command, disk, ...rest);
    expect(code).toBe(2);
    expect(stderr).toContain(found);
  });
});
