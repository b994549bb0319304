import type { ConvertEvent, OnEvent } from '../event.ts';
import { formatBytes, printable } from './format.ts';
import type { GlobalOptions } from './globals.ts';

export interface Progress {
  readonly onEvent: OnEvent;
  /** Takes the status line off the terminal, so that other text can be printed. */
  clear(): void;
}

interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** Milliseconds between two repaints of the status line or two JSON events of one kind and digest. */
const interval = 100;

export function createProgress(
  globals: Pick<GlobalOptions, 'quiet' | 'progress'>,
  screen: Screen,
  env: NodeJS.ProcessEnv,
): Progress {
  if (globals.progress === 'json') return jsonProgress(screen);
  if (globals.quiet || globals.progress === 'none') return silentProgress(screen, globals.quiet);
  const live =
    globals.progress === 'auto' && screen.isTTY === true && !env['CI'] && env['TERM'] !== 'dumb';
  return live ? liveProgress(screen) : plainProgress(screen);
}

function silentProgress(screen: Screen, quiet: boolean): Progress {
  return {
    onEvent: (event) => {
      if (event.event === 'warning' && !quiet) screen.write(`warning: ${printable(event.text)}\n`);
    },
    clear: () => undefined,
  };
}

function plainProgress(screen: Screen): Progress {
  return {
    onEvent: (event) => {
      const line = lineOf(event);
      if (line !== undefined) screen.write(`${line}\n`);
    },
    clear: () => undefined,
  };
}

/** One line that tells of all work under way, below the lines of what is done. */
function liveProgress(screen: Screen): Progress {
  const pending = new Map<string, Measure>();
  let painted = { at: 0, label: '' };
  let shown = false;
  const clear = (): void => {
    if (shown) screen.write('\r\x1b[K');
    shown = false;
  };
  const paint = (label: string): void => {
    const now = performance.now();
    if (painted.label === label && now - painted.at < interval) return;
    painted = { at: now, label };
    const alike = [...pending.values()].filter((one) => one.label === label);
    const done = sum(alike.map((one) => one.done));
    const size = sum(alike.map((one) => one.size));
    const percent = size === 0 ? 100 : Math.floor((100 * done) / size);
    const text = `${label} ${formatBytes(done)} of ${formatBytes(size)} (${percent} %)`;
    screen.write(`\r\x1b[K${text.slice(0, (screen.columns || 80) - 1)}`);
    shown = true;
  };
  return {
    onEvent: (event) => {
      const measured = measureOf(event);
      if (measured !== undefined) {
        pending.set(measured.key, measured);
        paint(measured.label);
        return;
      }
      const line = lineOf(event);
      if (line === undefined) return;
      clear();
      screen.write(`${line}\n`);
    },
    clear,
  };
}

/** Every event as one line of JSON; running figures at most ten times a second each, the last always. */
function jsonProgress(screen: Screen): Progress {
  const last = new Map<string, number>();
  return {
    onEvent: (event) => {
      const measured = measureOf(event);
      if (measured !== undefined && measured.done < measured.size) {
        const now = performance.now();
        if (now - (last.get(measured.key) ?? Number.NEGATIVE_INFINITY) < interval) return;
        last.set(measured.key, now);
      }
      screen.write(`${JSON.stringify(event)}\n`);
    },
    clear: () => undefined,
  };
}

interface Measure {
  readonly key: string;
  readonly label: string;
  readonly done: number;
  readonly size: number;
}

function measureOf(event: ConvertEvent): Measure | undefined {
  if (event.event === 'download') {
    return { key: `d${event.digest}`, label: 'pulling', done: event.received, size: event.size };
  }
  if (event.event === 'unpack') {
    return {
      key: `u${event.digest}`,
      label: 'pulling and unpacking',
      done: event.read,
      size: event.size,
    };
  }
  if (event.event === 'write') {
    return { key: `w${event.path}`, label: 'writing', done: event.written, size: event.size };
  }
  return undefined;
}

function lineOf(event: ConvertEvent): string | undefined {
  switch (event.event) {
    case 'resolved':
      return `${printable(event.reference)} is ${event.digest}`;
    case 'blob-present':
      return `${short(event.digest)} is in the store (${formatBytes(event.size)})`;
    case 'download':
      return event.received === event.size
        ? `${short(event.digest)} pulled (${formatBytes(event.size)})`
        : undefined;
    case 'stage':
      return printable(event.text);
    case 'warning':
      return `warning: ${printable(event.text)}`;
    default:
      return undefined;
  }
}

function short(digest: string): string {
  return digest.slice(0, 'sha256:'.length + 12);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
