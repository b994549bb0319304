import { type Command, Option } from 'commander';

/** Which image of a reference, and how its registry is reached. */
export interface SourceOptions {
  readonly platform?: string;
  readonly plainHttp?: boolean;
}

export function addSourceOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--platform <os/arch>', 'platform to choose from an index').default('linux/amd64'),
    )
    .option('--plain-http', 'talk plain HTTP to the registry (the default on loopback)')
    .option('--no-plain-http', 'talk HTTPS to the registry, also on loopback');
}
