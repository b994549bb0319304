import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { ConvertError } from '../error.ts';
import { isObject, jsonIn, membersOf } from './json.ts';

/** What QEMU tells by itself, such as `SHUTDOWN`. */
export interface QmpEvent {
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** A connection to QEMU's monitor. QEMU talks to one client at a time: the next waits for this one's end. */
export interface Qmp {
  /** @throws ConvertError `QEMU_FAILED` when QEMU refuses, ends, or does not answer in time. */
  execute(command: string, args?: Readonly<Record<string, unknown>>): Promise<unknown>;
  close(): void;
}

export interface QmpOptions {
  /** Milliseconds that QEMU has for its greeting, and for each answer; 10,000 when absent. */
  readonly timeout?: number;
  readonly onEvent?: (event: QmpEvent) => void;
}

interface Waiter {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (why: Error) => void;
}

const defaultTimeout = 10_000;

const greetingOf = 'the greeting';

/** A QEMU that was replaced by something else must not fill our memory. */
const lineCap = 1 << 20;

/**
 * Connects to the QMP socket at `path` (qemu-qmp-ref(7)), ready for commands.
 * @throws ConvertError `QEMU_FAILED` when nobody answers there, or no QEMU.
 */
export async function connectQmp(path: string, options: QmpOptions = {}): Promise<Qmp> {
  return await openQmp(await connected(path, options.timeout ?? defaultTimeout), options);
}

/** The same on a socket that is open already. @throws ConvertError `QEMU_FAILED`. */
export async function openQmp(socket: Duplex, options: QmpOptions = {}): Promise<Qmp> {
  const { timeout = defaultTimeout, onEvent } = options;
  const waiting: Waiter[] = [];
  let lost: Error | undefined;
  const lose = (why: string, cause?: unknown): void => {
    lost ??= failure(why, cause);
    for (const { reject } of waiting.splice(0)) reject(lost);
    socket.destroy();
  };
  const onLine = (line: string): void => {
    const value = jsonIn(line);
    const message = membersOf(value);
    if (!isObject(value)) lose('something that is no JSON object');
    else if (typeof message['event'] === 'string') {
      onEvent?.({ event: message['event'], data: membersOf(message['data']) });
    } else waiting.shift()?.resolve(message);
  };
  let unread = '';
  socket.setEncoding('utf8').on('data', (text: string) => {
    const lines = `${unread}${text}`.split('\n');
    unread = lines.pop() ?? '';
    for (const line of lines) onLine(line);
    if (unread.length > lineCap) lose(`a line of more than ${lineCap} characters`);
  });
  socket.on('error', (cause) => lose(cause.message, cause)).on('close', () => lose('its end'));

  const answer = async (to: string): Promise<Readonly<Record<string, unknown>>> => {
    if (lost !== undefined) throw lost;
    const patience = setTimeout(() => lose(`no answer to ${to} in ${timeout} ms`), timeout);
    try {
      return membersOf(await new Promise((resolve, reject) => waiting.push({ resolve, reject })));
    } finally {
      clearTimeout(patience);
    }
  };

  const qmp: Qmp = {
    async execute(command, args) {
      socket.write(`${JSON.stringify({ execute: command, ...(args && { arguments: args }) })}\n`);
      const { error, return: returned } = await answer(command);
      if (error === undefined) return returned;
      const found = String(membersOf(error)['desc']).slice(0, 400);
      throw new ConvertError('QEMU_FAILED', `asking QEMU for ${command}: found ${found}`);
    },
    close: () => socket.destroy(),
  };
  const greeting = await answer(greetingOf);
  if (greeting['QMP'] === undefined) lose('another greeting than that of QMP');
  await qmp.execute('qmp_capabilities');
  return qmp;
}

async function connected(path: string, timeout: number): Promise<Duplex> {
  const deadline = Date.now() + timeout;
  for (;;) {
    try {
      return await connectOnce(path);
    } catch (error) {
      const cause = error instanceof Error ? error : new Error(String(error));
      // Others wait already, as many as may (unix(7)).
      const isFull = 'code' in cause && cause.code === 'EAGAIN';
      if (!isFull || Date.now() > deadline) throw failure(cause.message, cause);
      await delay(20);
    }
  }
}

/** Of a socket in the file system: it is there at once, or never. */
function connectOnce(path: string): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => resolve(socket.off('error', reject)));
    socket.once('error', reject);
  });
}

function failure(found: string, cause?: unknown): ConvertError {
  return new ConvertError('QEMU_FAILED', `talking to QEMU: found ${found}, wanted QMP`, { cause });
}
