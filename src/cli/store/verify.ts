import { type Command, Option } from 'commander';
import type { Finding, VerifyReport } from '../../../store/index.ts';
import { ConvertError } from '../../error.ts';
import { formatBytes, formatCount, printable } from '../format.ts';
import { addGlobalOptions } from '../globals.ts';
import { addReachOptions, pullOptionsOf, type ReachOptions } from '../source-options.ts';
import { warnIfAbsent } from './absent.ts';

interface VerifyCommandOptions extends ReachOptions {
  readonly full?: true;
  readonly repair?: true;
  readonly offline?: true;
  readonly config?: string;
}

export function addStoreVerify(store: Command): void {
  const command = store
    .command('verify')
    .summary('find what is damaged or missing, and mend it')
    .description(
      'Looks at every name, manifest, blob and unpacked layer. With --repair, what is damaged is ' +
        'moved to the folder quarantine of the store, and made or pulled anew; only names whose ' +
        'manifest nobody has any more are dropped. It may run beside anything. The exit code is 0 ' +
        'when nothing is wrong (any more), 11 when something is, or was lost.',
    )
    .addOption(
      new Option(
        '--quick',
        'read manifests and indexes, and compare sizes (the default)',
      ).conflicts('full'),
    )
    .option('--full', 'read every byte, too')
    .option('--repair', 'mend what is wrong')
    .option('--offline', 'with --repair: pull nothing')
    .option('--config <file>', 'configuration file, for its mirrors')
    .addHelpText('after', examples);
  addGlobalOptions(addReachOptions(command)).action(verifyCommand);
}

const examples = `
Examples:
  osv-convert store verify
  osv-convert store verify --full --repair
  osv-convert store verify --json |
    jq '.findings[] | select(.severity != "note")'`;

async function verifyCommand(options: VerifyCommandOptions, command: Command): Promise<void> {
  const { withSession } = await import('../session.ts');
  const { full = false, repair = false, offline = false } = options;
  await withSession(
    command,
    async ({ store, onEvent, signal, print }) => {
      warnIfAbsent(store, onEvent);
      const reach = repair && !offline && (await pullOptionsOf(options, process.env));
      const report = await store.verify({
        full,
        repair,
        signal,
        ...(reach && {
          refetch: async (lost) => {
            const { refetch } = await import('../../pull/refetch.ts');
            return refetch(store, lost, { ...reach, onEvent, signal });
          },
        }),
      });
      await print(report, textOf(report));
      if (!report.sound) throw unsound(store.path, report);
    },
    { repair: true },
  );
}

function textOf({ findings, checked, sound }: VerifyReport): string {
  const { names, documents, layers, blobs, bytes } = checked;
  const counts = [
    formatCount(names, 'name'),
    formatCount(documents, 'document'),
    formatCount(layers, 'layer'),
    formatCount(blobs, 'blob'),
    `${formatBytes(bytes)} read`,
  ];
  const lines = findings.map((finding) => `${printable(lineOf(finding))}\n`);
  return `${lines.join('')}${sound ? 'sound' : 'not sound'}: ${counts.join(', ')}\n`;
}

function lineOf({ severity, kind, name, found, wanted, done, names = [] }: Finding): string {
  const subject = name === kind ? kind : `${kind} ${name}`;
  const end = done === 'none' ? '' : `; ${done}`;
  const needed = severity === 'note' || names.length === 0 ? '' : `; of ${names.join(', ')}`;
  return `${severity}: ${subject}: found ${found}, wanted ${wanted}${end}${needed}`;
}

function unsound(path: string, { repair, findings }: VerifyReport): ConvertError {
  const losses = findings.filter(({ severity }) => severity === 'loss');
  const faults = findings.filter(({ severity, done }) => severity === 'fault' && done === 'none');
  const [lost] = losses.flatMap(({ kind, name, names = [] }) => (kind === 'name' ? name : names));
  const hint = !repair
    ? 'osv-convert store verify --repair'
    : lost === undefined
      ? undefined
      : `osv-convert pull ${lost}`;
  return new ConvertError(
    'STORE_CORRUPT',
    `verifying the store ${path}: found ${formatCount(faults.length, 'thing')} wrong and ${losses.length} lost, wanted none`,
    hint === undefined ? {} : { hint },
  );
}
