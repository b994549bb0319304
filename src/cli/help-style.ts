import type { Argument, HelpConfiguration, Option } from 'commander';

/** How help tells what an option or an argument may be, and is without: of all commands alike. */
export const helpStyle: HelpConfiguration = {
  // Narrower, a column of words is worse than lines that the terminal breaks.
  minWidthToWrap: 24,
  optionDescription: ({ description, argChoices, defaultValue, required, optional }: Option) =>
    described(description, argChoices, required || optional ? defaultValue : undefined),
  argumentDescription: ({ description, argChoices, defaultValue }: Argument) =>
    described(description, argChoices, defaultValue),
};

/** Some descriptions end in a default of their own, in words. */
function described(
  description: string,
  choices: readonly string[] | undefined,
  defaultValue: unknown,
): string {
  const [, text = description, own] = /^(.*) \((default: [^()]*)\)$/s.exec(description) ?? [];
  const facts = [
    ...(choices === undefined ? [] : [`one of ${choices.join(', ')}`]),
    ...(own === undefined ? [] : [own]),
    ...(defaultValue === undefined ? [] : [`default: ${defaultValue}`]),
  ];
  return facts.length === 0 ? text : `${text} (${facts.join('; ')})`;
}
