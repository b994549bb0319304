import { formatBytes } from './format.ts';
import type { Standing, Work } from './tally.ts';

/** Of a terminal, in characters. */
export interface Extent {
  readonly columns: number;
  readonly rows: number;
}

const widestBar = 40;
const narrowestBar = 8;

/**
 * Where the work stands, as lines for a terminal of that extent: one a work, as many as there is
 * room for, then the total. Where the width does not do, first the bars go, then the rates.
 */
export function paintBars({ works, total }: Standing, extent: Extent): readonly string[] {
  // A full last column makes some terminals begin a new line.
  const width = extent.columns - 1;
  const room = Math.max(1, extent.rows - 3);
  const hidden = Math.max(0, works.length - room);
  const rows = [...works.slice(0, room), ...(total === undefined ? [] : [total])];
  const label = Math.max(...rows.map((work) => work.label.length), 0);
  const lines = rows.map((work) => paintBar(work, label, width));
  if (hidden > 0) lines.splice(room, 0, `and ${hidden} more`.slice(0, width));
  return lines;
}

function paintBar(work: Work, labelWidth: number, width: number): string {
  const { done, size } = work;
  const share = size === 0 ? 1 : Math.min(1, done / size);
  const label = work.label.padEnd(labelWidth);
  const percent = `${Math.floor(100 * share)} %`.padStart(5);
  const figures = `${percent}  ${`${formatBytes(done)} of ${formatBytes(size)}`.padEnd(20)}`;
  const speed = formatSpeed(work).padEnd(19);
  const plain = [label, figures, speed].join('  ');
  const bar = Math.min(widestBar, width - plain.length - 4);
  if (bar >= narrowestBar) {
    return [label, formatBar(share, bar), figures, speed].join('  ').trimEnd();
  }
  return (plain.length <= width ? plain : `${label}  ${figures}`).trimEnd().slice(0, width);
}

function formatBar(share: number, width: number): string {
  const full = Math.floor(share * width);
  return `[${'#'.repeat(full)}${'.'.repeat(width - full)}]`;
}

/** `12.1 MiB/s 0:42`: the rate, and what time is left at it. */
function formatSpeed({ done, size, rate }: Work): string {
  if (rate === undefined) return '';
  const speed = `${formatBytes(rate)}/s`;
  return rate < 1 ? speed : `${speed} ${formatSeconds((size - done) / rate)}`;
}

function formatSeconds(seconds: number): string {
  const whole = Math.ceil(seconds);
  const two = (number: number): string => String(number).padStart(2, '0');
  const minutes = Math.floor(whole / 60);
  return minutes < 60
    ? `${minutes}:${two(whole % 60)}`
    : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(whole % 60)}`;
}
