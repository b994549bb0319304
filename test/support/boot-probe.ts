/**
 * Boots a finished disk in QEMU with our own small program in the place of OSv's loader, and
 * returns what that program found: the disk seen through its own boot sector, by code that
 * shares nothing with the code that wrote it.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type ProbeReport, parseProbeReport } from './probe/report.ts';
import { probeTools } from './probe/tools.ts';

export { buildProbe } from './probe/build.ts';
export type {
  ProbeEntry,
  ProbePartition,
  ProbeReach,
  ProbeReport,
  ProbeSuperblock,
} from './probe/report.ts';
export { probeTools } from './probe/tools.ts';

/** Formats in the words of QEMU. */
export type ProbedFormat = 'raw' | 'qcow2' | 'vmdk' | 'vdi' | 'vpc';

export interface BootProbeOptions {
  readonly format: ProbedFormat;
  /** The whole life of QEMU; 120,000 by default, enough for a GiB on a busy machine. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs QEMU until the probe powers it off. The disk is opened read-only.
 * Throws when the probe reports an error, with its words; when its report is cut short; when
 * QEMU fails, is aborted, or outlives the timeout.
 */
export async function bootProbe(disk: string, options: BootProbeOptions): Promise<ProbeReport> {
  const folder = await mkdtemp(join(tmpdir(), 'boot-probe-'));
  try {
    const serial = join(folder, 'serial.txt');
    const ended = await runQemu(qemuArguments(disk, options.format), serial, options);
    const text = await readFile(serial, 'latin1');
    options.signal?.throwIfAborted();
    try {
      if (ended.failure !== undefined)
        throw new Error(`${ended.failure}, after: ${text.slice(-2000)}`);
      return parseProbeReport(text);
    } catch (error) {
      const why = error instanceof Error ? error.message : error;
      // A report may also be cut short because somebody terminated QEMU, which then exits with 0.
      throw new Error(`boot the probe from ${disk}: ${why}\n${ended.stderr}`, { cause: error });
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}

function qemuArguments(disk: string, format: ProbedFormat): string[] {
  // A comma ends a value in QEMU's option lists, two are one that is meant.
  const file = resolve(disk).replaceAll(',', ',,');
  return [
    ...['-M', 'pc', '-cpu', 'max', '-accel', 'tcg', '-m', '128'],
    ...['-display', 'none', '-serial', 'stdio', '-monitor', 'none', '-nic', 'none'],
    // A disk that cannot be booted makes the BIOS reset at once, and a reset ends QEMU.
    ...['-no-reboot', '-boot', 'strict=on,reboot-timeout=0'],
    ...['-device', 'virtio-blk-pci,drive=hd0,bootindex=0'],
    ...['-drive', `file=${file},if=none,id=hd0,format=${format},readonly=on`],
  ];
}

/**
 * QEMU's standard output, the serial port, goes to a file: when a pipe is full QEMU tries a few
 * times more and then drops bytes.
 */
async function runQemu(
  args: readonly string[],
  serial: string,
  options: BootProbeOptions,
): Promise<{ failure: string | undefined; stderr: string }> {
  const qemu = probeTools().qemu;
  if (qemu === undefined) throw new Error('boot the probe: qemu-system-x86_64 is not on PATH');
  const timeout = options.timeoutMs ?? 120_000;
  const output = await open(serial, 'w');
  try {
    const child = spawn(qemu, args, {
      stdio: ['ignore', output.fd, 'pipe'],
      signal: options.signal,
      timeout,
      killSignal: 'SIGKILL',
    });
    let stderr = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', (error) => {
      stderr += error.message;
    });
    const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((done) => {
      child.on('close', (...ended) => done(ended));
    });
    if (child.killed) return { failure: `not finished after ${timeout} ms`, stderr };
    return { failure: code === 0 ? undefined : `qemu ended with ${signal ?? code}`, stderr };
  } finally {
    await output.close();
  }
}
