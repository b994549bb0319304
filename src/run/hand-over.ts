import { createInterface } from 'node:readline';
import type { Duplex } from 'node:stream';
import { ConvertError } from '../error.ts';

/** The descriptor by which QEMU gets what must not stand among its arguments. */
export const handOverDescriptor = 3;

/** QEMU waits with the machine until it is told on the descriptor what to boot it with. */
export const handOverArguments: readonly string[] = [
  '--preconfig',
  ...['-chardev', `socket,id=control,fd=${handOverDescriptor}`],
  ...['-mon', 'chardev=control,mode=control'],
];

/**
 * Gives a waiting QEMU the command line of its kernel, and lets it go on. A command line holds the
 * variables of the guest, and everyone on a machine sees the arguments of its processes. The words are
 * those of QMP (qemu-qmp-ref(7)): `append` is what `-append` sets.
 * @throws ConvertError `QEMU_FAILED` when QEMU refuses. One that ends before it is done tells by its exit code.
 */
export async function handOver(channel: Duplex, commandLine: string): Promise<void> {
  // A QEMU that has ended leaves a channel that cannot be written.
  channel.on('error', () => undefined);
  const append = { path: '/machine', property: 'append', value: commandLine };
  for (const command of [
    { execute: 'qmp_capabilities' },
    { execute: 'qom-set', arguments: append },
    { execute: 'x-exit-preconfig' },
  ])
    channel.write(`${JSON.stringify(command)}\n`);
  // What it tells later is read, too: it would wait for that.
  const lines = createInterface({ input: channel });
  await new Promise<void>((resolve, reject) => {
    // The reader passes on what fails below it.
    lines.on('error', () => undefined).once('close', resolve);
    channel.once('close', resolve);
    lines.on('line', (line) => {
      try {
        requireDone(line);
      } catch (error) {
        reject(error);
      }
    });
  });
}

function requireDone(line: string): void {
  const [, refusal] = /^\{"error": *(\{.*\})/.exec(line) ?? [];
  if (refusal === undefined) return;
  throw new ConvertError(
    'QEMU_FAILED',
    `handing the command line to QEMU: found ${refusal.slice(0, 400)}, wanted it taken`,
    { hint: 'boot from the disk: build it with --boot bios, and a kernel with a loader.img' },
  );
}
