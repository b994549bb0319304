import { type Command, InvalidArgumentError } from 'commander';
import { ConvertError } from '../error.ts';
import type { Reference } from '../oci/reference.ts';
import { shellWord } from '../shell-word.ts';
import { addGlobalOptions } from './globals.ts';
import { addReachOptions, type ReachOptions, registryOptionsOf } from './source-options.ts';
import { tellRetries } from './tell-retries.ts';

interface LsTagsOptions extends ReachOptions {
  readonly limit?: number;
  readonly last?: string;
}

export function defineLsTags(command: Command): void {
  command
    .description('Lists the tags of a repository, in the order its registry gives them.')
    .argument('<repo>', 'a name in a registry without a tag: HOST[:PORT]/NAME')
    .option('--limit <n>', 'as many at most (default: all)', parseLimit)
    .option('--last <tag>', 'only those after this one');
  addGlobalOptions(addReachOptions(command.addHelpText('after', examples))).action(lsTagsCommand);
}

const examples = `
Example:
  osv-convert ls-tags mcr.microsoft.com/dotnet/aspnet --limit 20`;

async function lsTagsCommand(
  repo: string,
  options: LsTagsOptions,
  command: Command,
): Promise<void> {
  const { withSession } = await import('./session.ts');
  const { refuseLocal } = await import('./registry-only.ts');
  refuseLocal(`listing the tags of ${repo}`, repo);
  const { parseReference } = await import('../oci/reference.ts');
  const { createRegistryApi } = await import('../source/registry/api.ts');
  const { listTags } = await import('../source/registry/tags.ts');
  await withSession(command, async ({ onEvent, signal, print }) => {
    const { limit, last } = options;
    const name = repo.replace(/^docker:\/\//, '');
    const reference = parseReference(name);
    refuseTag(name, reference);
    const api = createRegistryApi(reference, tellRetries(registryOptionsOf(options), onEvent));
    const tags = await listTags(api, {
      ...(limit !== undefined && { limit }),
      ...(last !== undefined && { last }),
      signal,
    });
    await print({ repository: api.name, tags }, tags.map((tag) => `${tag}\n`).join(''));
  });
}

/**
 * A tag would be taken for the only one that is wanted.
 * @throws ConvertError `USAGE`.
 */
function refuseTag(name: string, { registry, repository, tag, digest }: Reference): void {
  const found = digest === undefined ? `the tag ${tag}` : `the digest ${digest}`;
  // What `parseReference` adds where there is none is no tag that was typed.
  if (digest === undefined && !name.endsWith(`:${tag}`)) return;
  throw new ConvertError(
    'USAGE',
    `listing the tags of ${name}: found ${found}, wanted a repository without one`,
    { hint: `osv-convert ls-tags ${shellWord(`${registry}/${repository}`)}` },
  );
}

function parseLimit(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('wanted a number from 1 on');
  return Number(text);
}
