import { Buffer } from 'node:buffer';
import { gunzipSync } from 'node:zlib';
import { compressionOf, defaultLimits, inflate, type Limits } from '../../../store/index.ts';
import { inflateWithBinding } from '../../../store/inflate/zstd-binding.ts';
import { wholeFrames, windowLogOf } from '../../../store/inflate/zstd-frames.ts';
import { inflateWithNode, nodeInflatesZstd } from '../../../store/inflate/zstd-node.ts';
import { inflateWithProgram } from '../../../store/inflate/zstd-program.ts';
import { inflateWithScript } from '../../../store/inflate/zstd-script.ts';
import { gzipSeeds, zstdSeeds } from '../compressed-seeds.ts';
import { mutateBytes } from '../mutate-bytes.ts';
import { refusal } from '../outcome.ts';
import type { Random } from '../random.ts';
import type { Target } from '../target.ts';

const limits: Limits = {
  ...defaultLimits,
  layerSize: 2 ** 22,
  ratio: 500,
  ratioFloor: 2 ** 19,
  zstdWindow: 2 ** 23,
};

/** More than this is not gathered: the test of limits is that it does not come to that. */
const mostGathered = 2 ** 23;

/** Bytes, or the code with which they were refused. */
type Result = Buffer | string;

/** gzip as layers have it. What comes out must not depend on where the input is cut. */
export function gzipTarget(): Target {
  const seeds = gzipSeeds();
  return {
    name: 'gzip',
    input: (random) => mutated(seeds, random),
    async run(input, random) {
      const whole = await gathered(inflate(pieces(input, []), limits));
      expectSame(await gathered(inflate(cut(input, random), limits)), whole, 'in other pieces');
      const peer = gunzip(input);
      if (peer) expectSame(peer, whole, 'with zlib alone');
      if (typeof whole === 'string') return whole;
      return compressionOf(input) === 'gzip' ? 'accepted' : 'plain';
    },
  };
}

/**
 * zstd in all the ways that can run here: what the best of them takes gives the same in the others.
 * `undecided` is a frame that tells a wrong size and ends in an empty block: libzstd notices that when
 * it is given the whole frame at once, and else not. Its bytes are compared with the layer's digest.
 */
export function zstdTarget(): Target {
  const seeds = zstdSeeds();
  return {
    name: 'zstd',
    input: (random) => mutated(seeds, random),
    async run(input, random) {
      const whole = await gathered(inflate(pieces(input, []), limits));
      const again = await gathered(inflate(cut(input, random), limits));
      if (typeof again !== typeof whole) return 'undecided';
      expectSame(again, whole, 'in other pieces');
      if (typeof whole === 'string') return whole;
      if (compressionOf(input) !== 'zstd') return 'plain';
      const ways = [inflateWithBinding, inflateWithScript];
      if (nodeInflatesZstd) ways.push(inflateWithNode);
      if (random.chance(0.02)) ways.push(inflateWithProgram);
      for (const way of ways) {
        const frames = wholeFrames(cut(input, random), limits);
        expectSame(await gathered(way(frames, windowLogOf(limits))), whole, `by ${way.name}`);
      }
      return 'accepted';
    },
  };
}

function mutated(seeds: readonly Uint8Array[], random: Random): Uint8Array {
  const bytes = random.chance(0.2)
    ? Buffer.concat([random.pick(seeds), random.pick(seeds)])
    : random.pick(seeds);
  // Most of what matters stands at the beginning, and what is changed there is not hidden by a sum.
  const head = random.below(40);
  return random.chance(0.5)
    ? mutateBytes(bytes, random)
    : Buffer.concat([mutateBytes(bytes.subarray(0, head), random), bytes.subarray(head)]);
}

function cut(input: Uint8Array, random: Random): AsyncIterable<Uint8Array> {
  const longest = random.pick([1, 3, 20, 600, 5000]);
  return pieces(
    input,
    Array.from({ length: 200 }, () => 1 + random.below(longest)),
  );
}

async function* pieces(input: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (const size of sizes) {
    if (at >= input.length) return;
    yield Buffer.from(input.subarray(at, at + size));
    at += size;
  }
  if (at < input.length) yield Buffer.from(input.subarray(at));
}

async function gathered(source: AsyncIterable<Uint8Array>): Promise<Result> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of source) {
      size += chunk.length;
      if (size > mostGathered) throw new Error(`${size} bytes came out, above every limit`);
      chunks.push(Buffer.from(chunk));
    }
  } catch (error) {
    return refusal(error, ['LAYER_CORRUPT', 'LAYER_LIMIT']);
  }
  return Buffer.concat(chunks);
}

function gunzip(input: Uint8Array): Buffer | undefined {
  try {
    return gunzipSync(input, { maxOutputLength: mostGathered });
  } catch {
    return undefined;
  }
}

function expectSame(found: Result, wanted: Result, how: string): void {
  if (typeof found !== 'string' && typeof wanted !== 'string' && found.equals(wanted)) return;
  // Which limit or fault is met first depends on what has come in by then.
  if (typeof found === 'string' && typeof wanted === 'string') return;
  const [other, first] = [found, wanted].map((result) =>
    typeof result === 'string' ? result : `${result.length} bytes`,
  );
  throw new Error(`${how}: ${other}, and at first ${first}`);
}
