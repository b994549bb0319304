import type { Command } from 'commander';
import { formatBytes, formatTable } from './format.ts';
import { addGlobalOptions } from './globals.ts';

export function addCache(program: Command): void {
  const cache = program
    .command('cache')
    .summary('list or remove the disks that run keeps')
    .description(
      'The disks that run built of images, to be used again: at most 20 GiB, or "diskCache" of the ' +
        'configuration file, without those that were not used for longest.',
    );
  addGlobalOptions(
    cache
      .command('ls')
      .summary('list them')
      .description('Lists the disks, the one used last first.'),
  ).action(listCommand);
  addGlobalOptions(
    cache
      .command('clear')
      .summary('remove them')
      .description('Removes all disks. Machines that run go on with theirs.'),
  ).action(clearCommand);
}

async function listCommand(_options: unknown, command: Command): Promise<void> {
  const { withSession } = await import('./session.ts');
  await withSession(command, async ({ print }) => {
    const { folder, list } = await usualCache();
    const disks = list().map(({ key, size, used }) => ({
      key,
      size,
      used: new Date(used).toISOString(),
    }));
    const rows = disks.map(({ key, size, used }) => [key.slice(0, 12), formatBytes(size), used]);
    await print({ folder, disks }, formatTable(['KEY', 'SIZE', 'USED'], rows));
  });
}

async function clearCommand(_options: unknown, command: Command): Promise<void> {
  const { withSession } = await import('./session.ts');
  await withSession(command, async ({ print }) => {
    const removed = (await usualCache()).shrink(0, 0);
    await print(removed, `removed ${removed.disks} disks, ${formatBytes(removed.bytes)}\n`);
  });
}

async function usualCache() {
  const { openDiskCache } = await import('../disk/disk-cache.ts');
  const { disksFolder } = await import('./disks-folder.ts');
  return openDiskCache(disksFolder(process.env));
}
