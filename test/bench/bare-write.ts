import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';

/*
 * The least that writing a disk can cost in Node, where what is on it is compared with a digest: reads as
 * many bytes, digests them, writes them, and makes them durable. Nothing is looked for or planned.
 *
 *   node dist/test/bench/bare-write.js FROM TO
 */

const [from = '', to = ''] = process.argv.slice(2);
const source = openSync(from, 'r');
const target = openSync(to, 'w');
const hash = createHash('sha256');
const piece = Buffer.allocUnsafe(2 ** 20);
for (let read = readSync(source, piece); read > 0; read = readSync(source, piece)) {
  hash.update(piece.subarray(0, read));
  writeSync(target, piece, 0, read);
}
hash.digest();
fsyncSync(target);
closeSync(target);
closeSync(source);
