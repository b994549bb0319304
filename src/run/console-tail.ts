/** The end of a console, and whether a text was on it. */
export interface ConsoleTail {
  readonly take: (bytes: Uint8Array) => void;
  /** The last 64 KiB. */
  readonly bytes: () => Uint8Array;
  /** The last lines that are not empty, what is no UTF-8 replaced. */
  readonly lastLines: () => readonly string[];
  /** Resolved when `wanted` has been on the console, in one line of it. */
  readonly sees: (wanted: string) => Promise<void>;
}

const tailCap = 64 * 1024;

/** Of a console in an error. */
const quotedLines = 5;
const quotedBytes = 1000;

/** Keeps pieces until they are many: a console comes byte by byte. */
export function createConsoleTail(): ConsoleTail {
  let pieces: Uint8Array[] = [];
  let size = 0;
  let watched: { readonly wanted: Buffer; readonly found: () => void } | undefined;

  const joined = (): Buffer => {
    const tail = Buffer.concat(pieces).subarray(-tailCap);
    pieces = [tail];
    size = tail.length;
    return tail;
  };

  /** Looks at what came, and at the end of what was there as long as the text. */
  const look = (fresh: number): void => {
    if (watched === undefined) return;
    const { wanted, found } = watched;
    if (
      joined()
        .subarray(-(fresh + wanted.length))
        .includes(wanted)
    ) {
      watched = undefined;
      found();
    }
  };

  return {
    take: (bytes) => {
      pieces.push(bytes);
      size += bytes.length;
      if (size > 2 * tailCap || pieces.length > 4096) joined();
      look(bytes.length);
    },
    bytes: joined,
    lastLines: () =>
      joined()
        .subarray(-quotedBytes)
        .toString('utf8')
        .split(/[\r\n]+/)
        .filter((line) => line.trim() !== '')
        .slice(-quotedLines),
    sees: (wanted) =>
      new Promise((found) => {
        watched = { wanted: Buffer.from(wanted), found };
        look(size);
      }),
  };
}

/** What a console said last, for the end of a sentence. */
export function saidLast(lines: readonly string[]): string {
  return lines.length === 0 ? '; its console is empty' : `; its console ends:\n${lines.join('\n')}`;
}
