import { join } from 'node:path';
import { writeProgram } from '../../support/write-program.ts';

/**
 * Puts a program `firecracker` in `folder` that speaks the API and, in place of a guest, prints its arguments
 * and what it was told as JSON, then `console`; then it ends, or stays until it is killed.
 */
export async function layOutFirecracker(
  folder: string,
  console: string,
  afterwards: 'end' | 'stay' = 'end',
): Promise<void> {
  const fake = new URL('../../../dist/test/src/run/fake-firecracker.js', import.meta.url);
  const then = afterwards === 'end' ? '() => process.exit(0)' : '() => undefined';
  const script = `#!${process.execPath}
    import(${JSON.stringify(fake.href)}).then(async ({ serveFirecracker }) => {
      const [, , flag, socket, ...more] = process.argv;
      const { machine, started } = serveFirecracker(socket);
      await started;
      const seen = JSON.stringify([flag, ...more, ...machine.keys()]);
      process.stdout.write(seen + '\\n' + ${JSON.stringify(console)}, ${then});
    });`;
  writeProgram(join(folder, 'firecracker'), script);
}
