import { type Command, Option } from 'commander';
import { addGlobalOptions } from './globals.ts';
import { addObtainOptions, type ObtainOptions, pullOptionsOf } from './source-options.ts';
import { talkOfPulls } from './talk-of-pulls.ts';

interface HistoryCommandOptions extends ObtainOptions {
  readonly waste?: true;
  readonly all?: true;
  readonly trunc: boolean;
}

/** How many of the wasted paths are listed without `--all`. */
const fewWasted = 20;

export function defineHistory(command: Command): void {
  command
    .description(
      'Tells of each layer, the lowest first, how many paths it added, changed and removed, and how many ' +
        'bytes of its files nobody sees in the end, because a layer above replaced or removed them. Of ' +
        'a PATH it tells which layers brought, changed, hid or removed it, whose bytes are seen, and ' +
        'how many are wasted.',
    )
    .argument(
      '<ref>',
      'an image: a reference, oci:DIR[:TAG], oci-archive:FILE, docker-archive:FILE, store:NAME',
    )
    .argument('[path...]', 'paths to follow through the layers')
    .option('--waste', `list the ${fewWasted} paths that waste most`)
    .addOption(new Option('--all', 'list all of them').implies({ waste: true }))
    .option('--no-trunc', 'print what made a layer in full, also on a terminal')
    .addHelpText('after', examples);
  addGlobalOptions(addObtainOptions(command)).action(historyCommand);
}

const examples = `
Examples:
  osv-convert history web:1.0
  osv-convert history web:1.0 /etc/passwd /app/web.dll
  osv-convert history web:1.0 --waste
  osv-convert history web:1.0 --json | jq '.totals | 1 - .wasted / .bytes'`;

async function historyCommand(
  ref: string,
  paths: readonly string[],
  options: HistoryCommandOptions,
  command: Command,
): Promise<void> {
  const { withSession } = await import('./session.ts');
  const { history } = await import('../look/history.ts');
  const { layersText, pathsText, wasteText } = await import('./history-text.ts');
  const { historyJson } = await import('./history-json.ts');
  await withSession(command, async ({ globals, store, onEvent, signal, print }) => {
    const talk = talkOfPulls({ globals, onEvent });
    const told = await pullOptionsOf(options, process.env);
    const found = await history(store, ref, paths, { ...told, onEvent: talk, signal });
    const waste = options.all ? found.waste : found.waste.slice(0, fewWasted);
    const width = options.trunc && process.stdout.isTTY ? process.stdout.columns : undefined;
    const texts = [
      ...(paths.length > 0 ? [pathsText(found, width)] : []),
      ...(options.waste ? [wasteText(found, waste)] : []),
    ];
    const text = texts.length > 0 ? texts.join('\n') : layersText(found, width);
    await print(historyJson(found, options.waste && waste), text);
  });
}
