import type { Command } from 'commander';
import { ConvertError } from '../error.ts';
import { shellWord } from '../shell-word.ts';
import { imageOnlyOptions } from './guest-options.ts';
import { imageSourceOptions } from './source-options.ts';

/** An option that was typed. */
export interface GivenOption {
  /** As commander has it: `copyFrom`. */
  readonly name: string;
  /** As it is typed: `--copy-from`. */
  readonly flag: string;
  /** With what its value stands for: `--copy-from REF:PATH`. */
  readonly words: string;
}

export function givenOptionsOf(command: Command): readonly GivenOption[] {
  return command.options
    .map((option) => {
      const flag = option.long ?? option.flags;
      const value = /<(.*)>/.exec(option.flags)?.[1]?.toUpperCase();
      const words = value === undefined ? flag : `${flag} ${value}`;
      return { name: option.attributeName(), flag, words };
    })
    .filter(({ name }) => command.getOptionValueSource(name) === 'cli');
}

/**
 * A disk is made: what goes on one, and where that comes from, would be asked for in vain.
 * @param doing what is being done with the disk, such as `running`.
 * @throws ConvertError `USAGE`.
 */
export function refuseImageOptions(
  doing: string,
  disk: string,
  given: readonly GivenOption[],
): void {
  const ofImages = new Set([...imageOnlyOptions, ...imageSourceOptions]);
  const vain = given.filter(({ name }) => ofImages.has(name));
  if (vain.length === 0) return;
  const [are, them] = vain.length === 1 ? ['is', 'it'] : ['are', 'them'];
  throw new ConvertError(
    'USAGE',
    `${doing} ${disk}: found ${vain.map(({ flag }) => flag).join(', ')}, which ${are} for an image, wanted a disk without ${them}`,
    {
      hint: `osv-convert build REF -o ${shellWord(disk)} ${vain.map(({ words }) => words).join(' ')}`,
    },
  );
}
