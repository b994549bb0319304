import type { Command } from 'commander';
import type { DescriptorPlatform, LayerUsage, NameUsage } from '../../../store/index.ts';
import { formatBytes, formatTable, formatTime, printable } from '../format.ts';
import { addGlobalOptions } from '../globals.ts';
import { warnIfAbsent } from './absent.ts';
import { warnOfDamage } from './damage.ts';

interface LsOptions {
  readonly layers?: true;
}

export function addStoreLs(store: Command): void {
  const command = store
    .command('ls')
    .summary('list everything that has a name, and what came in part')
    .description(
      'Lists images, kernels, runtimes and other artifacts, with the bytes that each takes on the ' +
        'disk, compressed and unpacked: those no other name leads to (OWN; gc frees them when the ' +
        'name goes) and the others (SHARED). Downloads that came in part follow.',
    )
    .option('--layers', 'list the unpacked layers too')
    .addHelpText('after', examples);
  addGlobalOptions(command).action(lsCommand);
}

const examples = `
Examples:
  osv-convert store ls --layers
  osv-convert store ls --json | jq -r '.names[] | select(.own > 1e9) | .name'`;

async function lsCommand(options: LsOptions, command: Command): Promise<void> {
  const { withSession } = await import('../session.ts');
  await withSession(command, async ({ store, onEvent, signal, print }) => {
    warnIfAbsent(store, onEvent);
    const usage = await store.usage({ layers: options.layers === true, signal });
    const { layers, partials } = usage;
    const names = usage.names.map((name) => ({ ...name, kind: kindOf(name) }));
    const tables = [formatTable(nameHeads, names.map(nameRow))];
    if (layers !== undefined) tables.push(formatTable(layerHeads, layers.map(layerRow)));
    if (partials.length > 0) {
      const rows = partials.map(({ digest, size, changed }) => [
        digest,
        formatBytes(size),
        formatTime(changed),
      ]);
      tables.push(formatTable(['CAME IN PART', 'SIZE', 'CHANGED'], rows));
    }
    await print({ names, ...(layers && { layers }), partials }, tables.join('\n'));
    warnOfDamage(usage.damaged.length, onEvent);
  });
}

/** By what the tool itself puts into the store; other artifacts come from registries. */
function kindOf({ name, descriptor }: NameUsage): string {
  if (descriptor.artifactType === undefined) return 'image';
  const [prefix] = name.split('/');
  return prefix === 'kernel' || prefix === 'runtime' ? prefix : 'artifact';
}

const nameHeads = ['NAME', 'KIND', 'PLATFORM', 'SIZE', 'OWN', 'SHARED', 'LAST USED'];

function nameRow(usage: NameUsage & { readonly kind: string }): readonly string[] {
  const { name, kind, descriptor, size, own, shared, lastUse } = usage;
  return [
    printable(name),
    kind,
    descriptor.platform === undefined ? '-' : printable(platformText(descriptor.platform)),
    formatBytes(size),
    formatBytes(own),
    formatBytes(shared),
    lastUse === undefined ? '-' : formatTime(lastUse),
  ];
}

function platformText({ os, architecture, variant }: DescriptorPlatform): string {
  return [os, architecture, ...(variant === undefined ? [] : [variant])].join('/');
}

const layerHeads = ['LAYER', 'SIZE', 'ENTRIES', 'NAMES'];

function layerRow({ diffID, size, entries, names }: LayerUsage): readonly string[] {
  return [
    diffID,
    formatBytes(size),
    entries === undefined ? 'damaged' : `${entries}`,
    printable(names.join(', ') || '-'),
  ];
}
