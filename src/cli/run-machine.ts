import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { planMachine } from '../boot.ts';
import { convert } from '../convert.ts';
import { ConvertError } from '../error.ts';
import { isFile } from '../look/subject.ts';
import { findKernel } from '../osv/kernels.ts';
import { parseCpus, parseMemory } from '../run/machine.ts';
import { parsePortForward } from '../run/port-forward.ts';
import { runMachine } from '../run/qemu.ts';
import { shellWord } from '../shell-word.ts';
import { type GuestOptions, guestWishesOf, imageOnlyOptions } from './guest-options.ts';
import type { Session } from './session.ts';
import { imageSourceOptions, type ObtainOptions, pullOptionsOf } from './source-options.ts';
import { writeStdout } from './stdout.ts';

export interface RunCommandOptions extends ObtainOptions, GuestOptions {
  readonly publish?: readonly string[];
  readonly memory: string;
  readonly cpus: string;
  readonly kernel?: string;
  readonly accel: 'auto' | 'kvm' | 'tcg';
}

/** An option that was typed. */
export interface GivenOption {
  /** As commander has it: `copyFrom`. */
  readonly name: string;
  /** As it is typed: `--copy-from`. */
  readonly flag: string;
}

/** A disk is made: what goes on one, and where that comes from, would be asked for in vain. */
function refuseImageOptions(disk: string, given: readonly GivenOption[]): void {
  const ofImages = new Set([...imageOnlyOptions, ...imageSourceOptions]);
  const vain = given.filter(({ name }) => ofImages.has(name)).map(({ flag }) => flag);
  if (vain.length === 0) return;
  const [are, them] = vain.length === 1 ? ['is', 'it'] : ['are', 'them'];
  throw new ConvertError(
    'USAGE',
    `running ${disk}: found ${vain.join(', ')}, which ${are} for an image, wanted a disk without ${them}`,
    { hint: `osv-convert build REF -o ${shellWord(disk)} ${vain.join(' … ')} …` },
  );
}

/** Boots the disk `target`, or a disk made for this run from the image `target`. */
export async function runTarget(
  session: Session,
  target: string,
  options: RunCommandOptions,
  given: readonly GivenOption[],
): Promise<void> {
  const wishes = await guestWishesOf(options, process.env);
  const machine = {
    ...(options.kernel !== undefined && { kernel: options.kernel }),
    memory: parseMemory(options.memory),
    cpus: parseCpus(options.cpus),
    accelerator: options.accel,
    forwards: (options.publish ?? []).map(parsePortForward),
    env: wishes.env ?? new Map(),
  };
  const hint = `osv-convert build REF -o ${shellWord(target)}`;
  if (await isFile(target, { doing: 'running', command: 'run', hint })) {
    refuseImageOptions(target, given);
    await boot(session, target, machine);
    return;
  }
  const folder = await mkdtemp(join(tmpdir(), 'osv-convert-run-'));
  try {
    const disk = join(folder, 'disk.raw');
    const { store, onEvent, signal } = session;
    const { name, loader } = await findKernel(store, machine.kernel);
    await convert(store, target, disk, {
      ...(await pullOptionsOf(options, process.env)),
      ...wishes,
      cpus: machine.cpus,
      kernel: name,
      format: 'raw',
      // With a loader on it the disk boots also where its command line is too long to be handed over.
      boot: loader === undefined ? 'direct' : 'bios',
      onEvent,
      signal,
    });
    await boot(session, disk, { ...machine, env: new Map() });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function boot(
  { store, signal, onEvent, globals }: Session,
  disk: string,
  options: Parameters<typeof planMachine>[2],
): Promise<void> {
  const machine = await planMachine(store, disk, { ...options, onEvent });
  const how = machine.boot.kind === 'direct' ? 'directly' : 'from the disk';
  if (!globals.json) {
    onEvent({ event: 'stage', text: `booting ${how} (${machine.accelerator}); Ctrl-C ends it` });
  }
  await runMachine(machine, {
    onOutput: writeStdout,
    signal,
  });
  signal.throwIfAborted();
}
