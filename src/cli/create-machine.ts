import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { planMachine } from '../boot.ts';
import { convert } from '../convert.ts';
import { ConvertError } from '../error.ts';
import { bootFormFor } from '../kernel-choice.ts';
import { isFile } from '../look/subject.ts';
import { createMachine, leastLogSize, type PlannedMachine } from '../machines/create.ts';
import { type Hooks, joinHooks, parseHooks, parseHookWord } from '../machines/hooks.ts';
import { parseMachineId } from '../machines/machine-id.ts';
import type { Report } from '../report.ts';
import { parseCpus } from '../run/machine.ts';
import { shellWord } from '../shell-word.ts';
import { unreadHint, unreadReason } from '../unread-file.ts';
import { dataFor } from './data-options.ts';
import { type GuestOptions, guestWishesOf } from './guest-options.ts';
import { type HardwareOptions, hardwareOf } from './hardware-options.ts';
import { type GivenOption, refuseImageOptions } from './image-only.ts';
import { machineDataOf } from './machine-data.ts';
import { machineRoot, type RootOptions, stateLine } from './machine-session.ts';
import type { Session } from './session.ts';
import { type ObtainOptions, pullOptionsOf } from './source-options.ts';
import { parseSize } from './units.ts';

export interface CreateCommandOptions
  extends ObtainOptions,
    Omit<GuestOptions, 'memory'>,
    HardwareOptions,
    RootOptions {
  readonly logSize: string;
  readonly annotation?: readonly string[];
  readonly hook?: readonly string[];
  readonly hooks?: readonly string[];
}

/** Makes a machine of the disk `target`, or of a disk that is made for it from the image `target`. */
export async function createTarget(
  session: Session,
  name: string,
  target: string,
  options: CreateCommandOptions,
  given: readonly GivenOption[],
): Promise<void> {
  const { signal, onEvent, print } = session;
  const id = parseMachineId(name);
  const guest = await guestWishesOf(options, process.env);
  const machine = {
    ...hardwareOf(options),
    env: guest.env ?? new Map(),
    id,
    onEvent,
  };
  const annotations = Object.fromEntries((options.annotation ?? []).map(parseAnnotation));
  const hooks = await hooksOf(options);
  const logSize = parseLogSize(options.logSize);
  const hint = `osv-convert build REF -o ${shellWord(target)}`;
  const isDisk = await isFile(target, { doing: 'creating a machine of', command: 'create', hint });
  if (isDisk) refuseImageOptions('creating a machine of', target, given);
  const data = dataFor(options.vmm, options);
  const plan = async (folder: string): Promise<PlannedMachine> => {
    if (isDisk) {
      const brought = await machineDataOf(session, target, data, false);
      return { machine: await planMachine(session.store, target, { ...machine, ...brought }) };
    }
    const disk = join(folder, 'disk.raw');
    const { image } = await build(disk, session, target, options, guest);
    const brought = await machineDataOf(session, disk, { ...data, base: resolve(id) }, false);
    return {
      machine: await planMachine(session.store, disk, { ...machine, ...brought, env: new Map() }),
      annotations: { 'osv-convert.image': image.manifest },
    };
  };
  const onWarning = (text: string): void => onEvent({ event: 'warning', text });
  const wishes = {
    source: isDisk ? resolve(target) : target,
    annotations,
    hooks,
    kind: machine.vmm,
    logSize,
    signal,
    onWarning,
  };
  const state = await createMachine(machineRoot(options, process.env), id, plan, wishes);
  await print(state, stateLine(state));
}

async function build(
  disk: string,
  { store, onEvent, signal }: Session,
  reference: string,
  options: CreateCommandOptions,
  guest: Awaited<ReturnType<typeof guestWishesOf>>,
): Promise<Report> {
  const { kernel } = options;
  return await convert(store, reference, disk, {
    ...(await pullOptionsOf(options, process.env)),
    ...guest,
    cpus: parseCpus(options.cpus),
    ...(kernel !== undefined && { kernel }),
    format: 'raw',
    boot: await bootFormFor(store, kernel),
    onEvent,
    signal,
  });
}

/** Those of files first. @throws ConvertError `USAGE`. */
async function hooksOf({ hook = [], hooks = [] }: CreateCommandOptions): Promise<Hooks> {
  const ofFiles = await Promise.all(
    hooks.map(async (path) => await parseHooks(await textOf(path), path)),
  );
  return joinHooks([...ofFiles, ...hook.map(parseHookWord)]);
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const hint = unreadHint(path, cause);
    throw new ConvertError(
      'USAGE',
      `reading --hooks ${path}: found ${unreadReason(cause)}, wanted a file that can be read`,
      { cause, ...(hint && { hint }) },
    );
  }
}

function parseLogSize(text: string): number {
  const size = parseSize('--log-size')(text);
  if (size >= leastLogSize) return size;
  const found = JSON.stringify(text);
  throw new ConvertError(
    'USAGE',
    `reading --log-size: found ${found}, wanted at least ${leastLogSize >> 10}K`,
  );
}

function parseAnnotation(word: string): readonly [string, string] {
  const at = word.indexOf('=');
  if (at > 0) return [word.slice(0, at), word.slice(at + 1)];
  throw new ConvertError(
    'USAGE',
    `reading --annotation: found ${JSON.stringify(word.slice(0, 80))}, wanted NAME=VALUE`,
  );
}
