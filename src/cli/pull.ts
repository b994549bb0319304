import type { Command } from 'commander';
import { ConvertError } from '../error.ts';
import type { StoredImage } from '../pull/image.ts';
import type { Pulled } from '../pull/pull.ts';
import { shellWord } from '../shell-word.ts';
import { countedReferrers } from './counted-referrers.ts';
import { collect } from './env.ts';
import { parseFile } from './file-argument.ts';
import { formatBytes } from './format.ts';
import { addGlobalOptions } from './globals.ts';
import { refuseStream } from './no-stream.ts';
import {
  addPolicyOptions,
  addReachOptions,
  type PolicyOptions,
  pullOptionsOf,
} from './source-options.ts';
import { withDigest } from './with-digest.ts';

interface PullCommandOptions extends PolicyOptions {
  readonly platform?: readonly string[];
  readonly referrers?: boolean;
}

export function definePull(command: Command): void {
  command
    .description(
      'Brings an image into the store: manifest, config and layers, each verified, then unpacked.',
    )
    .argument(
      '<ref>',
      'an image, such as mcr.microsoft.com/dotnet/samples:aspnetapp or oci:DIR:TAG',
    )
    .option(
      '--platform <os/arch>',
      'platform of the image (repeatable; default: the configured one, else linux/amd64)',
      collect,
    )
    .option('--referrers', 'bring what refers to the image too: signatures, SBOMs')
    .option(
      '--lock <file>',
      'write what the name means now to a lock file; with --frozen: the file to go by',
      parseFile,
    );
  addGlobalOptions(
    addPolicyOptions(addReachOptions(command.addHelpText('after', examples))),
  ).action(pullCommand);
}

const examples = `
Examples:
  osv-convert pull mcr.microsoft.com/dotnet/samples:aspnetapp
  osv-convert pull web:1.0 --platform linux/amd64 --platform linux/arm64
  osv-convert pull web:1.0 --lock osv-convert.lock`;

async function pullCommand(
  ref: string,
  options: PullCommandOptions,
  command: Command,
): Promise<void> {
  const { withSession } = await import('./session.ts');
  const { pullPlatforms } = await import('../pull/pull.ts');
  const { platformOf } = await import('../pull/wanted-platform.ts');
  await withSession(command, async ({ store, onEvent, signal, print }) => {
    const told = { ...(await pullOptionsOf(options, process.env)), onEvent, signal };
    const named = options.platform ?? [undefined];
    const platforms = named.map((platform) => platformOf({ ...told, platform }));
    const lock = options.frozen ? undefined : options.lock;
    if (lock !== undefined) await requireLock(lock);
    const pulled = await pullPlatforms(store, ref, platforms, told);
    if (lock !== undefined) await writeLock(lock, pulled);
    const rows = pulled.images.map(rowOf);
    const [first, ...others] = rows;
    const result = others.length === 0 ? first : { images: rows };
    const text = rows.map(lineOf).join('');
    if (!options.referrers) return await print(result, text);
    const { pullReferrersOf } = await import('../copy/pull-referrers.ts');
    const referrers = await pullReferrersOf(store, ref, pulled, told);
    await print({ ...result, referrers }, text + countedReferrers(referrers));
  });
}

/** What cannot be locked is told before anything is fetched. */
async function requireLock(path: string): Promise<void> {
  refuseStream('locking the image', path, 'stdout', '--lock osv-convert.lock');
  const { requireLockable } = await import('../pull/lock-file.ts');
  await requireLockable(path);
}

async function writeLock(path: string, { name, meaning }: Pulled): Promise<void> {
  if (meaning === undefined) {
    throw new ConvertError(
      'USAGE',
      `locking ${name}: found --offline, wanted a registry that says what the name means now`,
      { hint: `osv-convert pull --lock ${shellWord(path)} ${name}` },
    );
  }
  const { lockImage } = await import('../pull/lock-file.ts');
  await lockImage(path, name, meaning);
}

function rowOf({ name, descriptor, platform, manifest }: StoredImage) {
  const size = manifest.layers.reduce((total, layer) => total + layer.size, 0);
  return { reference: name, digest: descriptor.digest, platform, size };
}

function lineOf({ reference, digest, platform, size }: ReturnType<typeof rowOf>): string {
  return `${withDigest(reference, digest)} (${platform}, ${formatBytes(size)})\n`;
}
