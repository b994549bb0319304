import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createValidator } from '../../../schemas/index.ts';
import { paintBars } from '../../../src/cli/bars.ts';
import type { ProgressMode } from '../../../src/cli/globals.ts';
import { createMeter } from '../../../src/cli/meter.ts';
import { createProgress } from '../../../src/cli/progress.ts';
import { createTally, type Work } from '../../../src/cli/tally.ts';
import type { ConvertEvent } from '../../../src/event.ts';
import { digestOf, parseDiffID } from '../../../store/index.ts';

const MiB = 2 ** 20;
const a = digestOf(Buffer.from('a'));
const b = digestOf(Buffer.from('b'));
const short = (digest: string) => digest.slice(0, 19);

describe('createMeter', () => {
  it('measures the last seconds, and nothing before half a second', () => {
    const meter = createMeter();
    meter.add(0, 0);
    meter.add(1000, 400);
    expect(meter.rate(400)).toBeUndefined();
    expect(meter.rate(1000)).toBe(1000);
    for (let at = 1000; at <= 20_000; at += 100) meter.add(10, at);
    expect(meter.rate(20_000)).toBeCloseTo(100, -1);
  });

  it('falls when nothing comes', () => {
    const meter = createMeter();
    meter.add(0, 0);
    meter.add(1000, 600);
    expect(meter.rate(1000)).toBe(1000);
    expect(meter.rate(60_000)).toBeLessThan(20);
  });
});

describe('createTally', () => {
  const tallied = (...events: readonly ConvertEvent[]) => {
    const tally = createTally();
    for (const event of events) tally.take(event, 0);
    return tally.standing(0);
  };
  const planned: ConvertEvent = {
    event: 'planned',
    blobs: [
      { digest: a, size: 100 },
      { digest: b, size: 300 },
    ],
  };

  it('counts what is announced, so that the total holds from the start', () => {
    const { works, total } = tallied(planned, {
      event: 'download',
      digest: b,
      received: 30,
      size: 300,
    });
    expect(works).toEqual([{ label: short(b).slice(7), done: 30, size: 300, rate: undefined }]);
    expect(total).toEqual({ label: 'total', done: 30, size: 400, rate: undefined });
  });

  it('takes what is present as done, and has no total when nothing lacks', () => {
    const present = (digest: typeof a, size: number) =>
      ({ event: 'blob-present', digest, size }) as const;
    expect(tallied(planned, present(a, 100)).total?.done).toBe(100);
    expect(tallied(planned, present(a, 100), present(b, 300)).total).toBeUndefined();
  });

  it('leaves bytes of an earlier transfer out of the rate', () => {
    const tally = createTally();
    const at = (received: number, now: number) =>
      tally.take({ event: 'download', digest: a, received, size: 10_000 }, now);
    at(5000, 0);
    at(6000, 1000);
    const { works, total } = tally.standing(1000);
    expect([works[0]?.rate, total?.rate]).toEqual([1000, 1000]);
  });

  it('counts an upload that begins anew where it stands, and its rate as what was sent', () => {
    const tally = createTally();
    const upload = (sent: number, now: number) =>
      tally.take({ event: 'upload', digest: a, sent, size: 10_000 }, now);
    upload(0, 0);
    upload(6000, 500);
    upload(0, 500);
    expect(tally.standing(1000).works).toMatchObject([{ done: 0, size: 10_000, rate: 6000 }]);
    upload(2000, 1000);
    const { works, total } = tally.standing(1000);
    expect(works).toMatchObject([{ done: 2000, size: 10_000, rate: 8000 }]);
    expect(total).toMatchObject({ done: 2000, size: 10_000, rate: 8000 });
  });

  it.each(['present', 'mounted', 'uploaded'] as const)(
    'takes a blob as done, and not as sent, when the registry has it: %s',
    (how) => {
      const tally = createTally();
      tally.take(planned, 0);
      tally.take({ event: 'upload', digest: b, sent: 0, size: 300 }, 0);
      tally.take({ event: 'blob-pushed', digest: a, size: 100, how }, 0);
      expect(tally.standing(1000).total).toMatchObject({ done: 100, size: 400, rate: 0 });
      tally.take({ event: 'blob-pushed', digest: b, size: 300, how }, 0);
      expect(tally.standing(1000)).toEqual({ works: [], total: undefined });
    },
  );

  it('shows unpacking and writing, and leaves them out of the total', () => {
    const { works, total } = tallied(
      { event: 'unpack', digest: a, read: 1, size: 2 },
      { event: 'write', path: 'x', written: 1, size: 4 },
    );
    expect(works.map(({ label }) => label)).toEqual([`${short(a).slice(7)} unpack`, 'writing']);
    expect(total).toBeUndefined();
  });
});

describe('paintBars', () => {
  const works: readonly Work[] = [
    { label: '0123456789ab', done: 30 * MiB, size: 120 * MiB, rate: 2.5 * MiB },
    { label: 'ba9876543210', done: 0, size: 5 * 1024 * MiB, rate: undefined },
  ];
  const total = { label: 'total', done: 30 * MiB, size: 5240 * MiB, rate: MiB };

  it('paints a line for each work and one for all', () => {
    expect(paintBars({ works, total }, { columns: 80, rows: 24 })).toEqual([
      '0123456789ab  [###..........]   25 %  30.0 MiB of 120 MiB   2.5 MiB/s 0:36',
      'ba9876543210  [.............]    0 %  0 B of 5.0 GiB',
      'total         [.............]    0 %  30.0 MiB of 5.1 GiB   1.0 MiB/s 1:26:50',
    ]);
  });

  it('leaves out the bars, then the rates, where the width does not do', () => {
    const paint = (columns: number) =>
      paintBars({ works: works.slice(0, 1), total: undefined }, { columns, rows: 24 });
    expect(paint(70)).toEqual(['0123456789ab   25 %  30.0 MiB of 120 MiB   2.5 MiB/s 0:36']);
    expect(paint(50)).toEqual(['0123456789ab   25 %  30.0 MiB of 120 MiB']);
    expect(paint(20)).toEqual(['0123456789ab   25 %']);
    for (let columns = 1; columns < 130; columns += 1) {
      for (const line of paintBars({ works, total }, { columns, rows: 24 })) {
        expect(line.length).toBeLessThan(Math.max(columns, 1));
      }
    }
  });

  it('paints no more lines than the terminal has', () => {
    const many = Array.from({ length: 50 }, (_, n) => ({
      label: `${n}`,
      done: 1,
      size: 2,
      rate: 0,
    }));
    const lines = paintBars({ works: many, total }, { columns: 80, rows: 10 });
    expect(lines).toHaveLength(9);
    expect(lines[7]).toBe('and 43 more');
  });
});

describe('createProgress', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const onScreen = (mode: ProgressMode, screen = {}, env = {}) => {
    const written: string[] = [];
    const write = (text: string) => written.push(text);
    const globals = { quiet: false, progress: mode };
    const progress = createProgress(globals, { isTTY: true, columns: 40, write, ...screen }, env);
    return { written, progress };
  };
  const download = (received: number): ConvertEvent => ({
    event: 'download',
    digest: a,
    received,
    size: 4096,
  });

  it('paints ten frames a second at most, each in one write', () => {
    const { written, progress } = onScreen('auto');
    for (let ms = 0; ms < 1000; ms += 1) {
      progress.onEvent(download(ms));
      vi.advanceTimersByTime(1);
    }
    expect(written).toHaveLength(10);
    expect(written[1]).toMatch(/^\r\x1b\[1A.+\x1b\[K\n.+\x1b\[K\x1b\[J$/);
  });

  it('prints lines of what is done above the bars, and takes the bars off, once', () => {
    const { written, progress } = onScreen('auto');
    progress.onEvent(download(1024));
    vi.advanceTimersByTime(100);
    progress.onEvent({ event: 'warning', text: 'a\x1bb' });
    progress.clear();
    progress.clear();
    expect(written.slice(1)).toEqual(['\r\x1b[1Awarning: a\\x1bb\x1b[K\n\x1b[J']);
  });

  it.each([
    ['on a file', { isTTY: false }, {}],
    ['in CI', {}, { CI: 'true' }],
    ['on a dumb terminal', {}, { TERM: 'dumb' }],
  ])('writes plain lines %s', (_where, screen, env) => {
    const { written, progress } = onScreen('auto', screen, env);
    progress.onEvent(download(1024));
    progress.onEvent(download(4096));
    expect(written).toEqual([`${short(a)} pulled (4.0 KiB)\n`]);
  });

  it('writes a plain line on each blob that is pushed, once, however often it was sent', () => {
    const { written, progress } = onScreen('plain');
    const upload = (sent: number) =>
      progress.onEvent({ event: 'upload', digest: a, sent, size: 4096 });
    const pushed = { event: 'blob-pushed', size: 4096 } as const;
    for (const sent of [0, 4096, 0, 4096]) upload(sent);
    progress.onEvent({ ...pushed, digest: a, how: 'uploaded' });
    progress.onEvent({ ...pushed, digest: b, how: 'present' });
    progress.onEvent({ ...pushed, digest: b, how: 'mounted' });
    expect(written).toEqual([
      `${short(a)} pushed (4.0 KiB)\n`,
      `${short(b)} is in the registry (4.0 KiB)\n`,
      `${short(b)} mounted from another repository (4.0 KiB)\n`,
    ]);
  });

  it('writes a plain line on a long download every ten seconds', () => {
    const { written, progress } = onScreen('plain');
    for (let seconds = 0; seconds < 35; seconds += 1) {
      progress.onEvent(download(seconds * 10));
      vi.advanceTimersByTime(1000);
    }
    expect(written).toHaveLength(3);
    expect(written[0]).toBe('total    2 %  100 B of 4.0 KiB      10 B/s 6:40\n');
  });

  it('writes every kind of event as its schema describes it', async () => {
    vi.useRealTimers();
    const validate = await createValidator('event');
    const { written, progress } = onScreen('json');
    const events: { [K in ConvertEvent['event']]: Extract<ConvertEvent, { event: K }> } = {
      resolved: { event: 'resolved', reference: 'r', digest: a },
      planned: { event: 'planned', blobs: [{ digest: a, size: 1 }] },
      'blob-present': { event: 'blob-present', digest: a, size: 1 },
      download: { event: 'download', digest: a, received: 0, size: 1 },
      upload: { event: 'upload', digest: a, sent: 0, size: 1 },
      'blob-pushed': { event: 'blob-pushed', digest: a, size: 1, how: 'mounted' },
      unpack: { event: 'unpack', digest: a, read: 0, size: 1 },
      layer: { event: 'layer', diffID: parseDiffID(a) },
      stage: { event: 'stage', text: 't' },
      ready: { event: 'ready', milliseconds: 1234.5 },
      warning: { event: 'warning', text: 't' },
      verify: { event: 'verify', step: 'blobs', read: 0, size: 1 },
      read: { event: 'read', path: 'p', read: 0, size: 1 },
      write: { event: 'write', path: 'p', written: 0, size: 1 },
    };
    for (const event of Object.values(events)) progress.onEvent(event);
    expect(written.map((line) => JSON.parse(line))).toEqual(Object.values(events));
    for (const line of written) expect(validate(JSON.parse(line))).toBeUndefined();
    expect(validate({ event: 'other' })).toBeDefined();
    expect(validate({ ...events.download, size: -1 })).toBeDefined();
  });

  it('writes running figures ten times a second at most as JSON, and the last always', () => {
    const { written, progress } = onScreen('json');
    for (let received = 0; received <= 4096; received += 1) progress.onEvent(download(received));
    expect(written.map((line) => JSON.parse(line).received)).toEqual([0, 4096]);
    for (let sent = 0; sent <= 4096; sent += 1) {
      progress.onEvent({ event: 'upload', digest: a, sent, size: 4096 });
    }
    expect(written.slice(2).map((line) => JSON.parse(line).sent)).toEqual([0, 4096]);
  });
});
