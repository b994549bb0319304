/** Options of the .NET host before the app, each with a value (dotnet/runtime, command_line.cpp). */
const always = [
  '--additionalprobingpath',
  '--fx-version',
  '--roll-forward',
  '--additional-deps',
  '--roll-forward-on-no-candidate-fx',
];

/** Options that the muxer takes only behind `exec`, an apphost always. */
const afterExec = ['--depsfile', '--runtimeconfig'];

export interface HostWords {
  /** Pairs of an option and its value. */
  readonly hostOptions: readonly string[];
  readonly rest: readonly string[];
}

/** Splits what the muxer takes for itself from `words`; `rest` begins with the app. */
export function splitMuxerWords(words: readonly string[]): HostWords {
  return words[0]?.toLowerCase() === 'exec'
    ? split(words.slice(1), [...always, ...afterExec])
    : split(words, always);
}

/** Splits what the apphost of a framework-dependent app takes for itself from the app's arguments. */
export function splitApphostWords(words: readonly string[]): HostWords {
  return split(words, [...always, ...afterExec]);
}

/** True when `hostOptions` can stand only behind `dotnet exec`. */
export function wantsExec(hostOptions: readonly string[]): boolean {
  return hostOptions.some((word, at) => at % 2 === 0 && afterExec.includes(word.toLowerCase()));
}

function split(words: readonly string[], known: readonly string[]): HostWords {
  let at = 0;
  while (at + 1 < words.length && known.includes((words[at] ?? '').toLowerCase())) {
    at += 2;
  }
  return { hostOptions: words.slice(0, at), rest: words.slice(at) };
}

/** The value of the last `name` among pairs of options and values. */
export function lastOption(hostOptions: readonly string[], name: string): string | undefined {
  const at = hostOptions.findLastIndex((word, at) => at % 2 === 0 && word.toLowerCase() === name);
  return at === -1 ? undefined : hostOptions[at + 1];
}
