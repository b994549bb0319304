import type { Node } from '../tree/tree.ts';

/** The letter of a kind, as ls and find have it; `-` is a file. */
export function letterOf(node: Node): '-' | 'd' | 'l' | 'c' | 'b' | 'p' {
  switch (node.kind) {
    case 'file':
      return '-';
    case 'directory':
      return 'd';
    case 'symlink':
      return 'l';
    case 'special':
      return ({ character: 'c', block: 'b', fifo: 'p' } as const)[node.type];
  }
}

/** Kind and mode in ten letters, such as `drwxr-sr-x` (POSIX, ls, "-l"). */
export function modeText(node: Node): string {
  const { mode } = node;
  return (
    letterOf(node) +
    triple(mode >> 6, (mode & 0o4000) !== 0, 's') +
    triple(mode >> 3, (mode & 0o2000) !== 0, 's') +
    triple(mode, (mode & 0o1000) !== 0, 't')
  );
}

/** Read, write, execute; the last letter also tells of setuid, setgid or sticky, in capitals without execute. */
function triple(bits: number, special: boolean, letter: string): string {
  const execute = (bits & 1) !== 0;
  const last = special ? (execute ? letter : letter.toUpperCase()) : execute ? 'x' : '-';
  return `${bits & 4 ? 'r' : '-'}${bits & 2 ? 'w' : '-'}${last}`;
}
