import type { Command } from 'commander';
import type { Lease, Store } from '../../../store/index.ts';
import { ConvertError } from '../../error.ts';
import { formatTable, formatTime, printable } from '../format.ts';
import { addGlobalOptions } from '../globals.ts';

interface LeasesOptions {
  readonly delete?: string;
}

export function addStoreLeases(store: Command): void {
  const command = store
    .command('leases')
    .summary('tell what is in use, and by whom')
    .description(
      'Lists the leases: what running commands and those of "store hold" keep from gc. That of a ' +
        'process ends with it.',
    )
    .option('--delete <id>', 'end a lease that "store hold" made')
    .addHelpText('after', examples);
  addGlobalOptions(command).action(leasesCommand);
}

const examples = `
Examples:
  osv-convert store leases
  osv-convert store leases --delete 0b54be2e-0c9b-4b6e-9f5a-3d1c6d2f1f7e`;

async function leasesCommand(options: LeasesOptions, command: Command): Promise<void> {
  const { withSession } = await import('../session.ts');
  await withSession(command, async ({ store, print }) => {
    const { delete: id } = options;
    if (id !== undefined) {
      await deleteLease(store, id);
      await print({ deleted: id }, `${id}\n`);
      return;
    }
    const leases = await store.leases.list();
    await print({ leases: leases.map(jsonOf) }, formatTable(heads, leases.map(rowOf)));
  });
}

async function deleteLease(store: Store, id: string): Promise<void> {
  const action = `deleting the lease ${JSON.stringify(id.slice(0, 80))}`;
  const hint = { hint: 'osv-convert store leases' };
  const lease = (await store.leases.list()).find((one) => one.id === id);
  if (lease?.alive && lease.owner !== undefined) {
    const found = `found that process ${lease.owner.pid} runs and uses it`;
    throw new ConvertError('USAGE', `${action}: ${found}, wanted one of "store hold"`, hint);
  }
  if (!(await store.leases.delete(id))) {
    throw new ConvertError('USAGE', `${action}: found none of that id, wanted one`, hint);
  }
}

function jsonOf({ id, purpose, created, expires, owner, alive, holds }: Lease) {
  return {
    id,
    purpose,
    created,
    ...(expires && { expires }),
    ...(owner && { pid: owner.pid }),
    alive,
    holds,
  };
}

const heads = ['LEASE', 'FOR', 'PROCESS', 'SINCE', 'UNTIL', 'HOLDS'];

function rowOf({ id, purpose, created, expires, owner, alive, holds }: Lease): readonly string[] {
  const end = expires === undefined ? '-' : formatTime(expires);
  return [
    id,
    printable(purpose),
    owner === undefined ? '-' : `${owner.pid}`,
    formatTime(created),
    alive ? end : 'ended',
    `${holds.length}`,
  ];
}
