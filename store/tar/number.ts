import { Buffer } from 'node:buffer';

const octal = /^[0-7]+$/;
const decimal = /^[0-9]+$/;
const seconds = /^-?[0-9]+(\.[0-9]*)?$/;

/**
 * A numeric header field: octal digits between blanks and NULs (POSIX ustar), or base-256 two's
 * complement when the top bit is set (GNU and star). Undefined when it is neither, or beyond 2^53.
 */
export function parseNumber(field: Buffer): number | undefined {
  if (field.length > 0 && field.readUInt8(0) >= 0x80) {
    return parseBase256(field);
  }
  return parsePlainOctal(field) ?? parseOctal(field);
}

/** Digits up to a NUL, as nearly all fields are; undefined for any other. */
function parsePlainOctal(field: Buffer): number | undefined {
  let value = 0;
  // Twelve digits are far below 2^53.
  for (let at = 0; at < 12; at += 1) {
    const byte = field[at] ?? 0;
    if (byte === 0) return at === 0 ? undefined : value;
    if (byte < 0x30 || byte > 0x37) return undefined;
    value = value * 8 + byte - 0x30;
  }
  return undefined;
}

function parseOctal(field: Buffer): number | undefined {
  const text = field.toString('latin1').replace(/^[ \0]+/, '');
  const digits = text.split('\0', 1)[0]?.trimEnd() ?? '';
  if (digits === '') {
    return 0;
  }
  return octal.test(digits) ? safe(Number.parseInt(digits, 8)) : undefined;
}

function parseBase256(field: Buffer): number | undefined {
  let value = BigInt(field.readUInt8(0) & 0x7f);
  for (const byte of field.subarray(1)) {
    value = (value << 8n) | BigInt(byte);
  }
  return safe(Number(BigInt.asIntN(field.length * 8 - 1, value)));
}

/** Octal digits and a NUL, or base-256 where the value needs it. */
export function formatNumber(value: number, length: number): Buffer {
  const digits = value.toString(8);
  if (value >= 0 && digits.length < length) {
    return Buffer.from(`${digits.padStart(length - 1, '0')}\0`, 'latin1');
  }
  const field = Buffer.alloc(length);
  let rest = BigInt(value);
  for (let at = length - 1; at >= 0; at -= 1) {
    field[at] = Number(BigInt.asUintN(8, rest));
    rest >>= 8n;
  }
  field[0] = (field[0] ?? 0) | 0x80;
  return field;
}

/** Decimal digits, as in PAX sizes and sparse maps. Undefined beyond 2^53. */
export function parseDecimal(text: string): number | undefined {
  return decimal.test(text) ? safe(Number(text)) : undefined;
}

/** Seconds with a sign and a fraction, as in PAX times. */
export function parseSeconds(text: string): number | undefined {
  return seconds.test(text) ? safe(Number(text)) : undefined;
}

function safe(value: number): number | undefined {
  return Math.abs(value) <= Number.MAX_SAFE_INTEGER ? value : undefined;
}
