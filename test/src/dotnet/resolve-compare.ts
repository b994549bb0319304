import fc from 'fast-check';
import type { Answer, Hostfxr, Question, World } from './hostfxr.ts';
import { worlds } from './resolve-cases.ts';
import { answersOf } from './resolve-ours.ts';

export interface Comparison {
  /** Cases by what the host said. */
  readonly seen: Readonly<Record<Answer['kind'], number>>;
  readonly differences: readonly Difference[];
}

export interface Difference {
  readonly installed: World['installed'];
  readonly question: Question;
  readonly host: Answer;
  readonly ours: Answer;
}

/** Asks `hosts`, side by side, and us the same questions: eight in each of `count` worlds. */
export async function compareWithHost(
  hosts: readonly Hostfxr[],
  { seed, count, dialect }: { seed: number; count: number; dialect: 'plain' | 'net10' },
): Promise<Comparison> {
  const waiting = fc.sample(worlds({ dialect }), { numRuns: count, seed });
  const seen = {
    resolved: 0,
    missing: 0,
    conflict: 0,
    endless: 0,
    refused: 0,
    'self-contained': 0,
  };
  const differences: Difference[] = [];
  const work = async (host: Hostfxr): Promise<void> => {
    for (let world = waiting.pop(); world !== undefined; world = waiting.pop()) {
      const { installed, questions } = world;
      const ours = answersOf(world, host.install(world));
      const answers = await host.ask(world);
      for (const [index, question] of questions.entries()) {
        const [wanted, got] = [answers[index], ours[index]];
        if (wanted === undefined || got === undefined) throw new RangeError('an answer is missing');
        seen[wanted.kind]++;
        if (JSON.stringify(wanted) !== JSON.stringify(got)) {
          differences.push({ installed, question, host: wanted, ours: got });
        }
      }
    }
  };
  await Promise.all(hosts.map(work));
  return { seen, differences };
}
