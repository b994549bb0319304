import type { Command } from 'commander';
import { formatBytes, formatCount, formatTable, printable } from './format.ts';
import { addGlobalOptions } from './globals.ts';

export function defineCache(cache: Command): void {
  cache.description(
    'What was built of images, to be used again: the disks that run keeps, at most 20 GiB, or "diskCache" of ' +
      'the configuration file, without those that were not used for longest; and of disks that build wrote, ' +
      'where they lie and what they were built of (as digests: no disk and no variable is kept with that).',
  );
  addGlobalOptions(
    cache
      .command('ls')
      .summary('list what is kept')
      .description('Lists the disks of run, then the builds; of each the one used last first.'),
  ).action(listCommand);
  addGlobalOptions(
    cache
      .command('clear')
      .summary('remove all of it')
      .description(
        'Removes all disks of run, and forgets all builds. Machines that run go on with theirs; what build ' +
          'wrote stays.',
      ),
  ).action(clearCommand);
}

async function listCommand(_options: unknown, command: Command): Promise<void> {
  const { withSession } = await import('./session.ts');
  await withSession(command, async ({ print }) => {
    const { folder, list } = await usualCache();
    const disks = list().map(({ key, size, used }) => ({ key, size, used: dateOf(used) }));
    const records = (await usualRecords())?.list() ?? [];
    const builds = records.flatMap(({ key, used, outputs = [] }) =>
      outputs.length === 0
        ? []
        : [{ key, used: dateOf(used), outputs: outputs.map(({ path }) => path) }],
    );
    await print({ folder, disks, builds }, textOf(disks, builds));
  });
}

interface Listed {
  readonly key: string;
  readonly used: string;
}

function textOf(
  disks: readonly (Listed & { readonly size: number })[],
  builds: readonly (Listed & { readonly outputs: readonly string[] })[],
): string {
  const ofRun = disks.map(({ key, size, used }) => [key.slice(0, 12), formatBytes(size), used]);
  const ofBuild = builds.flatMap(({ key, used, outputs }) =>
    outputs.map((path) => [key.slice(0, 12), printable(path), used]),
  );
  return [
    formatTable(['DISK', 'SIZE', 'USED'], ofRun),
    formatTable(['BUILD', 'FILE', 'USED'], ofBuild),
  ].join('\n');
}

function dateOf(used: number): string {
  return new Date(used).toISOString();
}

async function clearCommand(_options: unknown, command: Command): Promise<void> {
  const { withSession } = await import('./session.ts');
  await withSession(command, async ({ print }) => {
    const removed = (await usualCache()).shrink(0, 0);
    const builds = (await usualRecords())?.clear() ?? 0;
    await print(
      { ...removed, builds },
      `removed ${formatCount(removed.disks, 'disk')}, ${formatBytes(removed.bytes)}; forgot ${formatCount(builds, 'build')}\n`,
    );
  });
}

async function usualCache() {
  const { openDiskCache } = await import('../disk/disk-cache.ts');
  const { disksFolder } = await import('./disks-folder.ts');
  return await openDiskCache(disksFolder(process.env));
}

async function usualRecords() {
  const { openBuildRecords } = await import('../build-records.ts');
  const { buildsFolder } = await import('./disks-folder.ts');
  return await openBuildRecords(buildsFolder(process.env));
}
