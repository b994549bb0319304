/** Measures bytes a second over the last seconds. Times are milliseconds of one clock. */
export interface Meter {
  add(bytes: number, now: number): void;
  /** Undefined before half a second has passed since the first bytes. */
  rate(now: number): number | undefined;
}

const span = 5000;
const pace = 250;
const shortest = 500;

export function createMeter(): Meter {
  let total = 0;
  /** Oldest first, `pace` apart, so that their number stays small at any rate of calls. */
  let samples: { readonly at: number; readonly total: number }[] = [];
  return {
    add(bytes, now) {
      total += bytes;
      const last = samples.at(-1);
      if (last === undefined || now - last.at >= pace) {
        samples = [...samples.filter(({ at }) => now - at <= span), { at: now, total }];
      }
    },
    rate(now) {
      const first = samples.find(({ at }) => now - at <= span) ?? samples.at(-1);
      if (first === undefined || now - first.at < shortest) return undefined;
      return ((total - first.total) * 1000) / (now - first.at);
    },
  };
}
