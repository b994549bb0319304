import { jsonText } from './format.ts';

/** In UTF-16 code units: large enough that a write costs little, small enough to be nothing in memory. */
const pieceLength = 2 ** 16;

/** Joins short texts, so that a million lines are few writes and never one string. */
export function* inPieces(texts: Iterable<string>): Generator<string, void, undefined> {
  let piece = '';
  for (const text of texts) {
    piece += text;
    if (piece.length < pieceLength) continue;
    yield piece;
    piece = '';
  }
  if (piece !== '') yield piece;
}

/** A JSON object in pieces: members of `head`, and `items` as the array `name`, one a line. */
export function* jsonList(
  head: Readonly<Record<string, unknown>>,
  name: string,
  items: Iterable<unknown>,
): Generator<string, void, undefined> {
  yield `${jsonText(head).slice(0, -1)},${JSON.stringify(name)}:[`;
  let separator = '\n';
  for (const item of items) {
    yield separator + jsonText(item);
    separator = ',\n';
  }
  yield '\n]}\n';
}
