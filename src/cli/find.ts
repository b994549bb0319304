import { type Command, Option } from 'commander';
import type { Criteria } from '../look/criteria.ts';
import {
  once,
  parseCountRange,
  parseDepth,
  parseDigestStart,
  parsePerm,
  parseSizeRange,
  parseTime,
  parseTypes,
} from './find-options.ts';
import type { ObtainOptions } from './source-options.ts';
import { addViewOptions, subjectArgument, withViewing } from './viewing.ts';

interface FindOptions extends ObtainOptions, Criteria {
  readonly maxDepth?: number;
  readonly long?: true;
  readonly print0?: true;
}

export function defineFind(command: Command): void {
  command
    .description(
      'Prints the paths of what meets all that is asked, a folder before what it holds, sorted by the ' +
        'bytes of the names. Control characters and bytes that are not UTF-8 are printed as \\xHH or ' +
        '\\uHHHH, and may be typed so in patterns; -0 prints names as they are.',
    )
    .argument(...subjectArgument)
    .argument('[path...]', 'where to look, links followed (default: /)')
    .option('--name <glob>', 'pattern of the last name: * ? [a-z] [!a-z] [[:digit:]]', once(String))
    .option('--path <glob>', 'pattern of the whole path; * also stands for /', once(String))
    .option('--type <kinds>', 'f, d, l, c, b, p, or several, with commas', once(parseTypes))
    .option(
      '--size <n>',
      'bytes of files and links, +N more, -N less, such as +1M',
      once(parseSizeRange),
    )
    .option('--empty', 'files of no bytes and folders of no names')
    .option(
      '--perm <mode>',
      'octal mode; -MODE all of its bits, /MODE any of them',
      once(parsePerm),
    )
    .option('--uid <n>', 'owner: N, +N or -N', once(parseCountRange))
    .option('--gid <n>', 'group: N, +N or -N', once(parseCountRange))
    .option('--links <n>', 'number of names: N, +N or -N', once(parseCountRange))
    .option(
      '--newer-than <time>',
      'changed after 2025-01-31[T09:30], in UTC, or @SECONDS',
      once(parseTime),
    )
    .option('--older-than <time>', 'changed before', once(parseTime))
    .option('--xattr <glob>', 'pattern of the name of an extended attribute', once(String))
    .option('--digest <digest>', 'of a file; the beginning is enough', once(parseDigestStart))
    .option('--max-depth <n>', 'as many levels below each path at most', once(parseDepth))
    .option('-l, --long', 'as ls --long')
    .addOption(
      new Option('-0, --print0', 'the bytes of each path and a NUL').conflicts(['long', 'json']),
    )
    .addHelpText('after', examples);
  addViewOptions(command).action(findCommand);
}

const examples = `
Sizes are compared in bytes, not in whole units as find(1) does.

Examples:
  osv-convert find web:1.0 --perm /6000 --type f   what runs as its owner
  osv-convert find web:1.0 /app --name '*.so*' --size +1M -l
  osv-convert find layer:3f4a9c --type c                  what a layer hides
  osv-convert find web.raw --digest sha256:2c26b46b`;

async function findCommand(
  subject: string,
  paths: readonly string[],
  options: FindOptions,
  command: Command,
): Promise<void> {
  const { createLinkCount } = await import('../look/link-count.ts');
  const { find } = await import('../look/find.ts');
  const { foundBytes, foundJson, foundText } = await import('./found-nodes.ts');
  const { maxDepth, long = false, print0 = false } = options;
  await withViewing(command, subject, options, async ({ view, json, write }) => {
    const linksOf = createLinkCount(view.tree);
    const starts = paths.length > 0 ? paths : ['/'];
    const how = { linksOf, ...(maxDepth !== undefined && { maxDepth }) };
    const found = find(view, starts, options, how);
    const parts = print0
      ? foundBytes(found)
      : json
        ? foundJson(view, found, linksOf)
        : foundText(view, found, { long, linksOf });
    for (const part of parts) await write(part);
  });
}
