import type { ConvertEvent } from '../event.ts';
import { createMeter, type Meter } from './meter.ts';

/** How far one piece of work is, in bytes. */
export interface Work {
  readonly label: string;
  readonly done: number;
  readonly size: number;
  /** Bytes a second; undefined while too little is known. */
  readonly rate: number | undefined;
}

export interface Standing {
  /** What is under way, in the order in which it was announced. */
  readonly works: readonly Work[];
  /** All transfers together, while one of them lacks bytes. */
  readonly total: Work | undefined;
}

/** Adds events up to where the work stands. Times are milliseconds of one clock. */
export interface Tally {
  /** Takes an event; false when it changes nothing here. */
  take(event: ConvertEvent, now: number): boolean;
  standing(now: number): Standing;
}

interface Entry {
  readonly label: string;
  readonly size: number;
  readonly isTransfer: boolean;
  /** Undefined until it begins. */
  done: number | undefined;
  readonly meter: Meter;
}

export function createTally(): Tally {
  const entries = new Map<string, Entry>();
  const transferred = createMeter();

  const entryOf = (key: string, label: string, size: number, isTransfer: boolean): Entry => {
    const known = entries.get(key);
    if (known?.size === size) return known;
    const entry: Entry = { label, size, isTransfer, done: undefined, meter: createMeter() };
    entries.set(key, entry);
    return entry;
  };

  /**
   * What was there at the beginning did not come now, and says nothing of the rate. Where an upload
   * falls back, what went over the line did.
   */
  const advance = (entry: Entry, done: number, now: number): void => {
    const came = Math.max(0, done - (entry.done ?? done));
    entry.done = done;
    entry.meter.add(came, now);
    if (entry.isTransfer) transferred.add(came, now);
  };

  const blob = ({ digest, size }: { digest: string; size: number }): Entry =>
    entryOf(`blob ${digest}`, nameOf(digest), size, true);

  return {
    take(event, now) {
      switch (event.event) {
        case 'planned':
          event.blobs.forEach(blob);
          return true;
        case 'blob-present':
        case 'blob-pushed':
          blob(event).done = event.size;
          return true;
        case 'download':
          advance(blob(event), event.received, now);
          return true;
        case 'upload':
          advance(blob(event), event.sent, now);
          return true;
        case 'unpack': {
          const label = `${nameOf(event.digest)} unpack`;
          advance(entryOf(`unpack ${event.digest}`, label, event.size, false), event.read, now);
          return true;
        }
        case 'verify':
          advance(entryOf('verify', 'verifying', event.size, false), event.read, now);
          return true;
        case 'read':
          advance(entryOf(`read ${event.path}`, 'reading', event.size, false), event.read, now);
          return true;
        case 'write':
          advance(entryOf(`write ${event.path}`, 'writing', event.size, false), event.written, now);
          return true;
        default:
          return false;
      }
    },
    standing(now) {
      const all = [...entries.values()];
      const works = all
        .filter(({ done, size }) => done !== undefined && done < size)
        .map(({ label, done = 0, size, meter }) => ({ label, done, size, rate: meter.rate(now) }));
      const transfers = all.filter(({ isTransfer }) => isTransfer);
      const done = sum(transfers.map((entry) => entry.done ?? 0));
      const size = sum(transfers.map((entry) => entry.size));
      const total = { label: 'total', done, size, rate: transferred.rate(now) };
      return { works, total: done < size ? total : undefined };
    },
  };
}

/** As many hex digits of a digest as tell blobs apart. */
function nameOf(digest: string): string {
  return digest.slice('sha256:'.length, 'sha256:'.length + 12);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
