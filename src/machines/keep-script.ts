import { olderOf } from './console-files.ts';

/** dd(1) takes at most as much at once, and adds each piece to the file as it comes. */
const pieceSize = 4096;

/**
 * Text for a shell: `keep FILE LIMIT` copies its stdin to FILE until its end, byte for byte and at once. FILE
 * never has more than LIMIT bytes: in time it becomes the older file, in whose place the one before it is gone.
 * So what is kept is always the newest, at least three quarters of LIMIT, at most twice as much.
 *
 * dd counts pieces, however small: each dd is given as many as there is room for, and the next the room that
 * is left. At a full disk the older file goes, then the pieces that find no room; who writes never waits for it.
 */
export const keepScript = `
keep() {
  : >>"$1"
  while size=$(stat -c %s "$1"); do
    if [ "$size" -ge $(($2 / 4 * 3)) ]; then
      mv -f "$1" "${olderOf('$1')}"
      : >"$1"
      size=0
    fi
    dd bs=${pieceSize} count=$((($2 - size) / ${pieceSize})) >>"$1" 2>/dev/null
    case $? in
      0) [ "$(stat -c %s "$1")" != "$size" ] || return 0 ;;
      1) rm -f "${olderOf('$1')}" ;;
      *) return 1 ;;
    esac
  done
}
`;

/** The programs that it takes to start it. */
export const keepPrograms = ['dd', 'mkfifo', 'mv', 'rm', 'stat'] as const;

/** Bytes: below, a dd would be started for a few pieces. */
export const leastKept = 64 * 1024;
