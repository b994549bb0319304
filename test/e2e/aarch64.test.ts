import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { beforeAll, describe, expect, test } from 'vitest';
import { planMachine } from '../../src/boot.ts';
import { imageOf } from '../../src/disk/access-pieces.ts';
import { writeDisk, writeImage } from '../../src/disk/output.ts';
import { layOut } from '../../src/lay-out.ts';
import type { Kernel } from '../../src/osv/kernel.ts';
import { addKernel } from '../../src/osv/kernels.ts';
import { planRofs } from '../../src/rofs/plan.ts';
import type { Machine } from '../../src/run/machine.ts';
import { runMachine } from '../../src/run/run-machine.ts';
import { openContents } from '../../src/tree/contents.ts';
import { directory, fileOfBytes, symlink } from '../../src/tree/nodes.ts';
import type { Node } from '../../src/tree/tree.ts';
import { openStore, type Store } from '../../store/index.ts';
import { buildProbe, type ProbeReport, probeTools } from '../support/boot-probe.ts';
import { parseProbeReport } from '../support/probe/report.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const { armQemu, armGcc } = probeTools();
const absent = Object.entries({
  'qemu-system-aarch64': armQemu,
  'aarch64-linux-gnu-gcc': armGcc,
}).flatMap(([tool, found]) => (found === undefined ? [tool] : []));
if (absent.length > 0)
  console.log(`skipped: booting for aarch64, for want of ${absent.join(', ')}`);

const files = {
  '/app/hello.dll': Buffer.alloc(300_001, 'hello, '),
  '/app/empty': Buffer.alloc(0),
  '/etc/hosts': Buffer.from('127.0.0.1 localhost\n'),
  '/žluť': Buffer.from('one sector and a byte'.padEnd(513)),
};

function node(path: keyof typeof files): Node {
  return fileOfBytes(files[path]);
}

const tree = {
  root: directory(
    new Map<string, Node>([
      [
        'app',
        directory(
          new Map([
            ['hello.dll', node('/app/hello.dll')],
            ['empty', node('/app/empty')],
          ]),
        ),
      ],
      ['etc', directory(new Map([['hosts', node('/etc/hosts')]]))],
      ['link', symlink('/etc/hosts')],
      ['žluť', node('/žluť')],
    ]),
  ),
};

const commandLine = Buffer.from('--rootfs=rofs --env=A=b\\ c /app/hello "x y" !');

describe.skipIf(absent.length > 0)('a disk for aarch64', () => {
  const folder = temporaryFolder('aarch64');
  let store: Store;
  let kernel: Kernel;
  let disk: string;
  let image: string;

  beforeAll(async () => {
    store = await openStore(join(folder, 'store'));
    const bytes = await readFile(await buildProbe(folder, 'aarch64'));
    kernel = await addKernel(store, [{ name: 'probe', bytes }], { name: 'probe' });
    const rofs = planRofs(tree);
    const parts = {
      boot: 'bios',
      architecture: 'aarch64',
      kernel,
      guest: { commandLine },
      rofs,
    } as const;
    const { disk: plan, kernelImage } = await layOut(store, parts);
    disk = join(folder, 'app.img');
    image = `${disk}.kernel`;
    await writeDisk(plan, disk, { format: 'raw', contents: openContents(new Map()) });
    if (kernelImage) await writeImage(imageOf(kernelImage), image, { format: 'raw' });
    const { name, architecture, loader } = kernel;
    const report = {
      disk: { boot: plan.boot },
      commandLine: commandLine.toString(),
      kernel: { name, architecture, loader: loader?.digest },
    };
    await writeFile(`${disk}.json`, JSON.stringify(report));
  });

  const options = {
    memory: 512,
    cpus: 2,
    accelerator: 'tcg',
    forwards: [],
    env: new Map<string, string>(),
  } as const;

  async function boot(machine: Machine): Promise<ProbeReport> {
    const said: Uint8Array[] = [];
    await runMachine(machine, {
      onOutput: (bytes) => void said.push(Uint8Array.from(bytes)),
      timeout: 60_000,
    });
    return parseProbeReport(Buffer.concat(said).toString('latin1'));
  }

  function expectWhole(report: ProbeReport): void {
    expect(Buffer.from(report.commandLine).toString()).toBe(commandLine.toString());
    const found = report.entries.flatMap((entry) =>
      entry.kind === 'file' ? [[entry.path, entry.size, entry.crc32]] : [],
    );
    const wanted = Object.entries(files).map(([path, bytes]) => [path, bytes.length, crc32(bytes)]);
    expect(found.sort()).toEqual(wanted.sort());
    expect(report.entries).toContainEqual({
      kind: 'symlink',
      path: '/link',
      target: '/etc/hosts',
      reaches: 'file',
    });
  }

  test('boots with the kernel of the store and the command line of its report', async () => {
    const machine = await planMachine(store, disk, options);
    expect(machine).toMatchObject({ architecture: 'aarch64', accelerator: 'tcg' });
    expectWhole(await boot(machine));
  });

  test('boots with the kernel beside it, which has the command line', async () => {
    const machine = await planMachine(store, disk, options);
    expectWhole(
      await boot({ ...machine, boot: { kind: 'direct', kernel: image, commandLine: '' } }),
    );
  });

  test('boots with more processors than the first interrupt controller has', async () => {
    expectWhole(await boot(await planMachine(store, disk, { ...options, cpus: 9 })));
  });
});
