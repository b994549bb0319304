/** What happened, counted under words, and what should not have happened. */
export interface Tally {
  count(word: string, times?: number): void;
  complain(text: string): void;
  readonly counts: ReadonlyMap<string, number>;
  readonly complaints: readonly string[];
}

export function createTally(): Tally {
  const counts = new Map<string, number>();
  const complaints: string[] = [];
  return {
    count: (word, times = 1) => void counts.set(word, (counts.get(word) ?? 0) + times),
    complain: (text) => void complaints.push(text),
    counts,
    complaints,
  };
}
