import type { Command } from 'commander';
import { ConvertError } from '../error.ts';
import type { Aspect } from '../tree/diff.ts';
import { type ObtainOptions, pullOptionsOf } from './source-options.ts';
import { talkOfPulls } from './talk-of-pulls.ts';
import { addViewOptions } from './viewing.ts';

interface DiffCommandOptions extends ObtainOptions {
  readonly ignore?: readonly string[];
  readonly all?: true;
  readonly stat?: true;
  readonly exitCode?: true;
}

/** As diff(1), cmp(1) and git diff --exit-code have it. */
const differentExitCode = 1;

export function defineDiff(command: Command): void {
  command
    .description(
      'Tells which paths B has and A has not (A, added), which only A has (D), and which are not the ' +
        'same in both (C), and in what: kind, size and content, mode, owner, mtime, xattrs, target, ' +
        'device, links. A folder that only one side has stands for all in it. Sides may be of ' +
        'different kinds; a disk keeps no modes, owners, times and extended attributes.',
    )
    .argument('<a>', 'an image, layer:DIGEST, or the file of a disk or a ROFS')
    .argument('<b>', 'what to compare it with')
    .argument('[path]', 'compare this folder or file only')
    .option(
      '--ignore <names>',
      'what may differ, such as mtime,owner',
      (names: string, others: readonly string[] = []) => [
        ...others,
        ...names.split(',').map((name) => name.trim()),
      ],
    )
    .option('--all', 'list what is in added and removed folders, too')
    .option('--stat', 'print counts and bytes only')
    .option('--exit-code', `exit with ${differentExitCode} when there are differences`)
    .addHelpText('after', examples);
  addViewOptions(command).action(diffCommand);
}

const examples = `
Examples:
  osv-convert diff web:1.0 web:1.1 --ignore mtime
  osv-convert diff web:1.0 web.raw /app
  osv-convert diff layer:3f4a9c layer:77b1e0 --stat
  osv-convert diff oci:first oci:second --exit-code >/dev/null && echo equal`;

async function diffCommand(
  a: string,
  b: string,
  path: string | undefined,
  options: DiffCommandOptions,
  command: Command,
): Promise<void> {
  const { aspects } = await import('../tree/diff.ts');
  const ignore = (options.ignore ?? []).map((name) => parseAspect(name, aspects));
  const { withSession } = await import('./session.ts');
  const { diff } = await import('../look/diff.ts');
  const { diffText, statText } = await import('./diff-text.ts');
  const { diffJson, statJson } = await import('./diff-json.ts');
  const { inPieces } = await import('./pieces.ts');
  await withSession(command, async ({ globals, store, onEvent, signal, write }) => {
    const talk = talkOfPulls({ globals, onEvent });
    const told = await pullOptionsOf(options, process.env);
    const wanted = { ...told, ignore, ...(path !== undefined && { path }), onEvent: talk, signal };
    const found = await diff(store, a, b, wanted);
    const { stat = false, all = false } = options;
    if (options.exitCode && found.differences.length > 0) process.exitCode = differentExitCode;
    const toText = stat ? statText(found) : diffText(found, { all });
    const toJson = stat ? statJson(found) : diffJson(found);
    for (const piece of inPieces(globals.json ? toJson : toText)) await write(piece);
  });
}

/** @throws ConvertError `USAGE`. */
function parseAspect(name: string, known: readonly Aspect[]): Aspect {
  const names = known.filter((aspect) => aspect !== 'kind');
  const found = names.find((aspect) => aspect === name);
  if (found !== undefined) return found;
  throw new ConvertError(
    'USAGE',
    `reading --ignore: found ${JSON.stringify(name)}, wanted names out of ${names.join(', ')}`,
    { hint: 'osv-convert diff --help' },
  );
}
