import { isAscii } from 'node:buffer';

/** A name, and how many bytes it has; of one that has more than `most` at least one byte more is told. */
export type NameAt = (
  position: number,
  most: number,
) => { readonly name: string; readonly size: number };

/**
 * Reads names that end with a NUL, or where `table` ends. A table of ASCII, as nearly all are, becomes a text
 * at once, of which names are parts: to decode each takes three times as long.
 */
export function openNames(table: Uint8Array): NameAt {
  if (isAscii(table)) {
    const text = Buffer.from(table.buffer, table.byteOffset, table.length).toString('latin1');
    return (position) => {
      const end = text.indexOf('\0', position);
      const name = text.slice(position, end === -1 ? table.length : end);
      return { name, size: name.length };
    };
  }
  const decoder = new TextDecoder();
  return (position, most) => {
    const rest = table.subarray(position, position + most + 1);
    const end = rest.indexOf(0);
    const bytes = end === -1 ? rest : rest.subarray(0, end);
    return { name: decoder.decode(bytes), size: bytes.length };
  };
}
