/**
 * What keeps OSv from reading a command line as it stands on a disk, without its NUL (core/commands.cc):
 * the loader's options come first, each begins with `-` and ends at white space; the rest is a program with
 * its arguments, or several, by a grammar that knows ASCII only.
 * @returns undefined where nothing does.
 */
export function commandLineFault(line: Uint8Array): CommandLineFault | undefined {
  const program = afterOptions(line);
  const text = Buffer.from(line.subarray(program)).toString('latin1');
  if (/^[ \t\n\f\r\v;]*$/.test(text)) return { kind: 'empty', offset: program };
  const separator = /^[ \t\n\f\r\v]*[;&!]/.exec(text);
  if (separator) {
    const offset = program + separator[0].length - 1;
    return { kind: 'unreadable', offset, found: `${separator[0].trim()} where a program begins` };
  }
  const foreign = text.search(/[\x80-\xff]/);
  if (foreign === -1) return undefined;
  const found = `byte 0x${text.charCodeAt(foreign).toString(16)} behind the options`;
  return { kind: 'unreadable', offset: program + foreign, found };
}

export type CommandLineFault =
  /** No program: the machine says so, and stops. */
  | { readonly kind: 'empty'; readonly offset: number }
  | { readonly kind: 'unreadable'; readonly offset: number; readonly found: string };

/** Where the options end. A backslash makes the next character one of an option (libc/string/stresep.c). */
function afterOptions(line: Uint8Array): number {
  let at = 0;
  while (at < line.length) {
    while (isBlank(line[at])) at += 1;
    if (line[at] !== dash) return at;
    while (at < line.length && !isBlank(line[at])) at += line[at] === backslash ? 2 : 1;
  }
  return Math.min(at, line.length);
}

function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0a;
}

const dash = 0x2d;
const backslash = 0x5c;
