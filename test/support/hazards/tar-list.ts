import { Buffer } from 'node:buffer';
import { type Entry, encodeName } from '../../../store/index.ts';

type Member = Exclude<Entry, { kind: 'whiteout' | 'opaque' }>;

/** The line that `tar --list` writes of a member, as `plainLine` gives it. */
export function lineOfMember(entry: Member): string {
  const type = entry.kind === 'special' ? entry.type : entry.kind;
  const letter = {
    ...{ file: '-', directory: 'd', symlink: 'l', hardlink: 'h' },
    ...{ character: 'c', block: 'b', fifo: 'p' },
  }[type];
  const links = { symlink: ' -> ', hardlink: ' link to ' } as const;
  const link =
    entry.kind === 'symlink' || entry.kind === 'hardlink'
      ? `${links[entry.kind]}${escaped(entry.target)}`
      : '';
  return [
    `${letter}${rights(entry.mode)}`,
    `${entry.uid}/${entry.gid}`,
    sizeOf(entry),
    Math.round(entry.mtime * 1e6) / 1e6,
    `${escaped(entry.path === '' ? '.' : entry.path)}${link}`,
  ].join(' ');
}

/** A line of `tar --list --verbose --full-time` without what says nothing: blanks, slashes at ends. */
export function plainLine(line: string): string {
  const [, type = '', rights, owner, size, date, time, rest = ''] =
    /^(.)(\S{9}) (\S+) +(\S+) (\S+) (\S+) (.*)$/.exec(line) ?? [];
  const [, name = '', link = ''] = /^(.*?)((?: -> | link to ).*)?$/.exec(rest) ?? [];
  const [seconds = '', fraction = '0'] = (time ?? '').split('.');
  const mtime = Date.parse(`${date}T${seconds}Z`) / 1000 + Number(`0.${fraction}`);
  const letter = { C: '-', S: '-' }[type] ?? type;
  return [
    `${letter}${rights}`,
    owner,
    letter === 'h' || letter === 'd' || letter === 'l' ? '0' : size,
    Math.round(mtime * 1e6) / 1e6,
    `${plainName(name)}${letter === 'h' ? ` link to ${plainName(link.slice(9))}` : link}`,
  ].join(' ');
}

function plainName(name: string): string {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  return parts.join('/') || '.';
}

function sizeOf(entry: Member): string {
  if (entry.kind === 'file') return `${entry.size}`;
  return entry.kind === 'special' && entry.type !== 'fifo' ? `${entry.major},${entry.minor}` : '0';
}

function rights(mode: number): string {
  const letters = [...'rwxrwxrwx'].map((letter, at) => ((mode >> (8 - at)) & 1 ? letter : '-'));
  for (const [bit, at, set, alone] of [
    [0o4000, 2, 's', 'S'],
    [0o2000, 5, 's', 'S'],
    [0o1000, 8, 't', 'T'],
  ] as const) {
    if (mode & bit) letters[at] = letters[at] === 'x' ? set : alone;
  }
  return letters.join('');
}

const named: Readonly<Record<string, string>> = {
  ...{ '\x07': 'a', '\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't', '\v': 'v' },
  ...{ '\\': '\\' },
};

/** As GNU's quoting style `escape` has it. */
function escaped(name: string): string {
  return Buffer.from(encodeName(name))
    .toString('latin1')
    .replace(
      /[^ -[\]-~]/g,
      (one) => `\\${named[one] ?? one.charCodeAt(0).toString(8).padStart(3, '0')}`,
    );
}
