import { type Command, Option } from 'commander';
import type { ObtainOptions } from './source-options.ts';
import { addViewOptions, subjectArgument, withViewing } from './viewing.ts';

interface LsOptions extends ObtainOptions {
  readonly long?: true;
  readonly recursive?: true;
  readonly directory?: true;
}

export function defineLs(command: Command): void {
  command
    .description(
      'Lists the names in a folder, sorted by their bytes, those that begin with a dot too. Of a layer ' +
        'also what it hides: as character devices 0, 0. Control characters and bytes that are not UTF-8 ' +
        'are printed as \\xHH or \\uHHHH, and may be typed so.',
    )
    .argument(...subjectArgument)
    .argument('[path...]', 'folders, or files, which are listed themselves (default: /)')
    .option('-l, --long', 'mode, links, owner, group, size, time (UTC) and what links lead to')
    .option('-R, --recursive', 'the folders in folders, too')
    .option('-d, --directory', 'folders themselves, not what they hold')
    // What ls(1) is used to be asked for, and what is done anyway.
    .addOption(new Option('-a, --all').hideHelp())
    .addOption(new Option('-1').hideHelp())
    .addHelpText('after', examples);
  addViewOptions(command).action(lsCommand);
}

const examples = `
A link given as PATH is followed, but not with --long or --directory (with a
slash at its end it is).

Examples:
  osv-convert ls mcr.microsoft.com/dotnet/runtime-deps:10.0 /etc
  osv-convert ls -lR layer:3f4a9c app
  osv-convert ls -l web.raw /`;

async function lsCommand(
  subject: string,
  paths: readonly string[],
  options: LsOptions,
  command: Command,
): Promise<void> {
  const { listPaths } = await import('../look/list.ts');
  const { listingJson, listingText } = await import('./listing.ts');
  const { inPieces } = await import('./pieces.ts');
  const { long = false, recursive = false, directory = false } = options;
  await withViewing(command, subject, options, async ({ view, json, write }) => {
    const listings = listPaths(view, paths.length > 0 ? paths : ['/'], {
      recursive,
      itself: directory,
      follow: !long && !directory,
    });
    const withHeads = recursive || paths.length > 1;
    const texts = json
      ? listingJson(view, listings)
      : listingText(view, listings, { long, withHeads });
    for (const piece of inPieces(texts)) await write(piece);
  });
}
