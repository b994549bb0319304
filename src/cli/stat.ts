import type { Command } from 'commander';
import type { ObtainOptions } from './source-options.ts';
import { addViewOptions, subjectArgument, withViewing } from './viewing.ts';

interface StatOptions extends ObtainOptions {
  readonly follow?: true;
}

export function defineStat(command: Command): void {
  command
    .description(
      'Tells kind, mode, owner, size, time, extended attributes, digest, all names of a file, where a ' +
        'link leads, and in which layer, at which byte of its uncompressed tar, the bytes lie. A disk ' +
        'keeps no modes, owners, times and extended attributes.',
    )
    .argument(...subjectArgument)
    .argument('<path...>', 'files, folders, links')
    .option('-L, --follow', 'what links lead to, not the links')
    .addHelpText('after', examples);
  addViewOptions(command).action(statCommand);
}

const examples = `
Examples:
  osv-convert stat web:1.0 /app/web.dll
  osv-convert stat web.raw /app/web.dll --json | jq -r '.nodes[0].digest'`;

async function statCommand(
  subject: string,
  paths: readonly string[],
  options: StatOptions,
  command: Command,
): Promise<void> {
  const { describePaths } = await import('../look/stat.ts');
  const { descriptionText } = await import('./description.ts');
  const { jsonList } = await import('./pieces.ts');
  const { follow = false } = options;
  await withViewing(command, subject, options, async ({ view, json, write }) => {
    const nodes = describePaths(view, paths, { follow });
    const head = { name: view.name, kind: view.kind };
    const text = json
      ? [...jsonList(head, 'nodes', nodes)].join('')
      : nodes.map(descriptionText).join('\n');
    await write(text);
  });
}
