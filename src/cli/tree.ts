import { type Command, InvalidArgumentError } from 'commander';
import type { ObtainOptions } from './source-options.ts';
import { addViewOptions, subjectArgument, withViewing } from './viewing.ts';

interface TreeOptions extends ObtainOptions {
  readonly level?: number;
  readonly directories?: true;
  readonly du?: true;
}

export function defineTree(command: Command): void {
  command
    .description('Draws what is in and below a folder, sorted by the bytes of the names.')
    .argument(...subjectArgument)
    .argument('[path]', 'where it begins, links followed', '/')
    .option('-L, --level <n>', 'as many levels below it at most', parseLevel)
    .option('-d, --directories', 'folders only')
    .option('--du', 'bytes of files, and of all files below folders; hard links count once')
    .addHelpText('after', examples);
  addViewOptions(command).action(treeCommand);
}

const examples = `
Examples:
  osv-convert tree web:1.0 /app
  osv-convert tree web:1.0 -d -L 2 --du`;

async function treeCommand(
  subject: string,
  path: string,
  options: TreeOptions,
  command: Command,
): Promise<void> {
  const { requirePath } = await import('../look/found.ts');
  const { inPieces } = await import('./pieces.ts');
  const { treeJson, treeText } = await import('./drawn-tree.ts');
  const { directories = false, du = false } = options;
  await withViewing(command, subject, options, async ({ view, json, write }) => {
    const start = requirePath(view, path);
    const how = { directories, du, ...(options.level !== undefined && { level: options.level }) };
    const texts = json ? treeJson(view, start, how) : treeText(start, how);
    for (const piece of inPieces(texts)) await write(piece);
  });
}

function parseLevel(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('wanted a number from 1 on');
  return Number(text);
}
