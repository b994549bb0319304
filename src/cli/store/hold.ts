import type { Command } from 'commander';
import { formatTime } from '../format.ts';
import { addGlobalOptions } from '../globals.ts';
import { parseAge } from '../units.ts';

interface HoldOptions {
  readonly for?: number;
  readonly purpose?: string;
}

export function addStoreHold(store: Command): void {
  const command = store
    .command('hold')
    .summary('keep names from gc for a time')
    .description(
      'Makes a lease: until it ends, gc leaves what the names stand for now, whatever becomes of ' +
        'the names. Prints its id, for "store leases --delete".',
    )
    .argument('<name...>', 'names in the store, * for any characters')
    .option(
      '--for <age>',
      'how long, such as 2h or 30d (default: until it is deleted)',
      parseAge('--for'),
    )
    .option('--purpose <text>', 'what for, as "store leases" shows it')
    .addHelpText('after', examples);
  addGlobalOptions(command).action(holdCommand);
}

const examples = `
Examples:
  osv-convert store hold web:1.0 --for 2h
  osv-convert store hold 'runtime/*' --purpose 'nightly builds'`;

async function holdCommand(
  texts: readonly string[],
  options: HoldOptions,
  command: Command,
): Promise<void> {
  const { withSession } = await import('../session.ts');
  const { chooseNames } = await import('../../copy/chosen-names.ts');
  await withSession(command, async ({ store, onEvent, print }) => {
    const names = await chooseNames(store, texts);
    const refs = (await store.refs.list()).filter(({ name }) => names.includes(name));
    const lease = await store.leases.create({
      purpose: options.purpose ?? `store hold ${texts.join(' ')}`,
      digests: [...new Set(refs.map(({ descriptor }) => descriptor.digest))],
      ...(options.for !== undefined && { expires: new Date(Date.now() + options.for) }),
    });
    const { id, expires, holds } = lease;
    const end = expires === undefined ? 'the lease is deleted' : formatTime(expires);
    onEvent({ event: 'stage', text: `${names.join(', ')}: kept from gc until ${end}` });
    await print({ id, names, digests: holds, ...(expires && { expires }) }, `${id}\n`);
  });
}
