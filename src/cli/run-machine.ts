import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { planMachine } from '../boot.ts';
import { convert } from '../convert.ts';
import { isFile } from '../look/subject.ts';
import { findKernel } from '../osv/kernels.ts';
import { parseCpus, parseMemory } from '../run/machine.ts';
import { parsePortForward } from '../run/port-forward.ts';
import { runMachine } from '../run/qemu.ts';
import { shellWord } from '../shell-word.ts';
import { parseEnv } from './env.ts';
import { type GuestOptions, guestWishesOf } from './guest-options.ts';
import type { Session } from './session.ts';
import { type ObtainOptions, pullOptionsOf } from './source-options.ts';
import { writeStdout } from './stdout.ts';

export interface RunCommandOptions extends ObtainOptions, GuestOptions {
  readonly publish?: readonly string[];
  readonly memory: string;
  readonly cpus: string;
  readonly kernel?: string;
  readonly accel: 'auto' | 'kvm' | 'tcg';
}

/** Boots the disk `target`, or a disk made for this run from the image `target`. */
export async function runTarget(
  session: Session,
  target: string,
  options: RunCommandOptions,
): Promise<void> {
  const machine = {
    ...(options.kernel !== undefined && { kernel: options.kernel }),
    memory: parseMemory(options.memory),
    cpus: parseCpus(options.cpus),
    accelerator: options.accel,
    forwards: (options.publish ?? []).map(parsePortForward),
    env: parseEnv(options.env),
  };
  const hint = `osv-convert build REF -o ${shellWord(target)}`;
  if (await isFile(target, { doing: 'running', command: 'run', hint })) {
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
      ...guestWishesOf(options, process.env),
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
