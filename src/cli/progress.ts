import type { ConvertEvent, OnEvent } from '../event.ts';
import { paintBars } from './bars.ts';
import { formatBytes, jsonText, printable } from './format.ts';
import type { GlobalOptions } from './globals.ts';
import { createTally } from './tally.ts';

export interface Progress {
  readonly onEvent: OnEvent;
  /** Takes the bars off the terminal, so that other text can be printed. */
  clear(): void;
}

interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

/** Milliseconds between two frames, or two JSON events of one kind and digest. */
const interval = 100;

/** Milliseconds after which a frame is painted anew though nothing came: the rate falls. */
const staleAfter = 1000;

/** Milliseconds between two lines on a long transfer where there are no bars. */
const plainInterval = 10_000;

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
  const tally = createTally();
  let last: number | undefined;
  return {
    onEvent: (event) => {
      const now = performance.now();
      last ??= now;
      if (tally.take(event, now) && now - last >= plainInterval) {
        last = now;
        const { total } = tally.standing(now);
        const lines = total === undefined ? [] : paintBars({ works: [], total }, plainExtent);
        for (const line of lines) screen.write(`${line}\n`);
      }
      const line = lineOf(event);
      if (line !== undefined) screen.write(`${line}\n`);
    },
    clear: () => undefined,
  };
}

/** Too narrow for bars, wide enough for figures. */
const plainExtent = { columns: 64, rows: 24 };

/**
 * Bars of what is under way, below the lines of what is done. A frame is one write that overpaints
 * the one before, so that nothing flickers; frames come from a timer, at most ten a second.
 */
function liveProgress(screen: Screen): Progress {
  const tally = createTally();
  let lines: string[] = [];
  let shown = 0;
  let changed = false;
  let paintedAt = 0;
  let timer: NodeJS.Timeout | undefined;

  const paint = (bars: readonly string[]): void => {
    const home = shown > 1 ? `\r\x1b[${shown - 1}A` : shown > 0 ? '\r' : '';
    const above = lines.map((line) => `${line}\x1b[K\n`).join('');
    const text = `${home}${above}${bars.map((bar) => `${bar}\x1b[K`).join('\n')}`;
    if (text !== '') screen.write(shown > 0 ? `${text}\x1b[J` : text);
    lines = [];
    shown = bars.length;
  };

  const frame = (): void => {
    const now = performance.now();
    if (!changed && now - paintedAt < staleAfter) return;
    changed = false;
    paintedAt = now;
    const { columns, rows } = screen;
    paint(paintBars(tally.standing(now), { columns: columns || 80, rows: rows || 24 }));
  };

  return {
    onEvent: (event) => {
      const line = lineOf(event);
      if (line !== undefined) lines.push(line);
      if (!tally.take(event, performance.now()) && line === undefined) return;
      changed = true;
      timer ??= setInterval(frame, interval).unref();
    },
    clear: () => {
      clearInterval(timer);
      timer = undefined;
      paint([]);
    },
  };
}

/** Every event as one line of JSON; running figures at most ten times a second each, the last always. */
function jsonProgress(screen: Screen): Progress {
  const last = new Map<string, number>();
  return {
    onEvent: (event) => {
      const running = runningOf(event);
      if (running !== undefined) {
        const now = performance.now();
        if (now - (last.get(running) ?? Number.NEGATIVE_INFINITY) < interval) return;
        last.set(running, now);
      }
      screen.write(`${jsonText(event)}\n`);
    },
    clear: () => undefined,
  };
}

/** What an event is about of which more are to come; undefined for one that may be the last. */
function runningOf(event: ConvertEvent): string | undefined {
  switch (event.event) {
    case 'download':
      return event.received < event.size ? `download ${event.digest}` : undefined;
    case 'upload':
      return event.sent < event.size ? `upload ${event.digest}` : undefined;
    case 'unpack':
      return event.read < event.size ? `unpack ${event.digest}` : undefined;
    case 'verify':
      // The last one says no more than the result does.
      return `verify ${event.step}`;
    case 'read':
      return event.read < event.size ? `read ${event.path}` : undefined;
    case 'write':
      return event.written < event.size ? `write ${event.path}` : undefined;
    default:
      return undefined;
  }
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
    case 'blob-pushed':
      return `${short(event.digest)} ${pushedWords[event.how]} (${formatBytes(event.size)})`;
    case 'stage':
      return printable(event.text);
    case 'ready':
      return `the guest is ready after ${(event.milliseconds / 1000).toFixed(1)} s`;
    case 'warning':
      return `warning: ${printable(event.text)}`;
    default:
      return undefined;
  }
}

const pushedWords = {
  present: 'is in the registry',
  mounted: 'mounted from another repository',
  uploaded: 'pushed',
} as const;

function short(digest: string): string {
  return digest.slice(0, 'sha256:'.length + 12);
}
