/** Seconds since 1970 that a `Date` can tell (ECMA-262, Time Values and Time Range). */
const farthest = 8.64e12;

/** ISO 8601 in UTC, with a fraction where there is one; seconds as `@N` where the calendar has no name. */
export function isoTime(seconds: number): string {
  if (!(Math.abs(seconds) < farthest)) return `@${seconds}`;
  const micros = Math.round((seconds - Math.floor(seconds)) * 1e6);
  const whole = Math.floor(seconds) + Math.floor(micros / 1e6);
  const fraction = String(micros % 1e6)
    .padStart(6, '0')
    .replace(/0+$/, '');
  const text = new Date(whole * 1000).toISOString().slice(0, -'.000Z'.length);
  return `${text}${fraction && `.${fraction}`}Z`;
}
