import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { addKernel } from '../../src/osv/kernels.ts';
import { openStore } from '../../store/index.ts';
import { runCli } from '../support/cli.ts';
import { helloImage } from '../support/hello-image.ts';
import { findRealKernel, whyNoRealOsv } from '../support/kernels.ts';
import { writeLayout } from '../support/layout.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const real = await findRealKernel();
const reason = await whyNoRealOsv();
if (reason !== undefined) console.log(`skipped: booting an edited disk, for ${reason}`);

/** Under emulation, on a busy machine. */
const patience = 240_000;

/** A unit of the boot sector's count of what it loads (OSv, arch/x64/boot16.S). */
const unit = 32_768;

describe.skipIf(reason !== undefined)('a disk of a real OSv kernel', () => {
  const folder = temporaryFolder('edited');
  const disk = (): string => join(folder, 'hello.qcow2');
  const command = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await runCli([...args, '--store', join(folder, 'store')]);
    expect(code, stderr).toBe(0);
    return stdout;
  };

  beforeAll(async () => {
    const digest = real?.kernel.loader?.digest;
    const bytes = digest && (await real?.store.blobs.read(digest, 64 << 20));
    const loader = Buffer.from(bytes ?? []);
    const store = await openStore(join(folder, 'store'));
    // Loaders alone, so that the disk boots by itself.
    await addKernel(store, [{ name: 'loader.img', bytes: loader }], {
      name: 'real',
      setDefault: true,
    });
    // The same kernel with zeros behind it, so large that the partition has to move.
    const units = Math.ceil((loader.length + (2 << 20)) / unit);
    const large = Buffer.concat([loader], units * unit);
    large.writeUInt16LE(units - 2, 0x10);
    await addKernel(store, [{ name: 'loader.img', bytes: large }], { name: 'large' });
    await writeLayout(join(folder, 'image'), 'v1', await helloImage());
    await command('build', `oci:${join(folder, 'image')}:v1`, '-o', disk());
  });

  it(
    'runs what the edits say, on the kernel they put there',
    async () => {
      await command(
        'disk',
        'set-env',
        disk(),
        'GREETING=dobrý den; & "x" \\ $y',
        '--unset',
        'HOME',
      );
      await command('disk', 'set-cmdline', disk(), '--arg=a b', '--arg=žluť', '--cwd', '/etc');
      const { partition: before } = JSON.parse(await command('disk', 'inspect', disk(), '--json'));
      await command('disk', 'replace-kernel', disk(), '--kernel', 'large');
      const told = JSON.parse(await command('disk', 'inspect', disk(), '--json'));
      expect(told).toMatchObject({ kernel: { names: ['large'] }, report: { state: 'true' } });
      expect(told.partition.offset).toBeGreaterThan(before.offset);
      // Without the report nothing but the disk tells how to boot.
      await writeFile(`${disk()}.json`, '{}');
      const console = await command('run', disk());
      expect(console).toContain('Hello from a b|žluť in /etc');
      expect(console).toContain('GREETING=dobrý den; & "x" \\ $y');
    },
    patience,
  );
});
