import { isUtf8 } from 'node:buffer';
import { lstatSync, readdirSync, readlinkSync, realpathSync, type Stats, statSync } from 'node:fs';
import { basename, join, posix, resolve } from 'node:path';
import { hostFiles } from '../dotnet/host-files.ts';
import type { PackEntry } from '../dotnet/pack.ts';
import { ConvertError } from '../error.ts';
import { unreadHint, unreadReason } from '../unread-file.ts';
import type { HostAddition } from './addition.ts';

/** Files of the host on their way into a layer. */
export interface PlannedAddition {
  /** Absolute in the guest: the file, or the folder whose contents they are. */
  readonly path: string;
  /** By path; a folder before what it holds. Paths as in a tar: without a leading slash. */
  readonly entries: readonly PackEntry[];
}

/**
 * What of the host `addition` means: a file; or a folder with all below it, in the order of names. Modes
 * become 644 or 755. A link that is named itself is followed; one in a folder stays a link where it leads
 * to a place in that folder.
 * @throws ConvertError `USAGE` for what is missing or not to be read, devices, sockets and pipes, links
 * that lead out, and names that are not UTF-8.
 */
export function planHostAddition({ source, target }: HostAddition): PlannedAddition {
  const found = reading(source, () => statSync(source));
  const name = basename(source);
  // What has no name of its own, `.` and `..`, goes in as its contents.
  const isNameless = /(?:^|\/)\.{0,2}\/*$/.test(source);
  const path = target.isFolder && !isNameless ? `${target.path}/${name}` : target.path;
  const real = reading(source, () => realpathSync(resolve(source)));
  if (path === '' && !found.isDirectory()) {
    throw refusal(source, 'found a file to be put in the place of /, wanted one below it');
  }
  return { path, entries: [...entriesOf(source, real, '', path.slice(1), found)] };
}

/** @param inside the path of `real` in the folder that is added. */
function* entriesOf(
  source: string,
  real: string,
  inside: string,
  path: string,
  found: Stats,
): Generator<PackEntry, void, undefined> {
  const where = inside === '' ? source : join(source, inside);
  if (found.isFile()) {
    yield {
      kind: 'file',
      path,
      source: real,
      files: hostFiles,
      size: found.size,
      mode: (found.mode & 0o111) === 0 ? 0o644 : 0o755,
      changed: found.ctimeMs,
    };
  } else if (found.isSymbolicLink()) {
    yield { kind: 'symlink', path, target: insideTarget(where, real, inside) };
  } else if (found.isDirectory()) {
    if (path !== '') yield { kind: 'directory', path };
    for (const name of namesIn(where, real)) {
      const child = join(real, name);
      const stat = reading(join(where, name), () => lstatSync(child));
      yield* entriesOf(source, child, posix.join(inside, name), posix.join(path, name), stat);
    }
  } else {
    throw refusal(where, 'found a device, socket or pipe, wanted files, folders and links');
  }
}

function namesIn(where: string, real: string): readonly string[] {
  return reading(where, () => readdirSync(real, { encoding: 'buffer' }))
    .map((name) => {
      if (isUtf8(name)) return name.toString('utf8');
      throw refusal(
        where,
        `found the name ${JSON.stringify(name.toString('latin1'))}, wanted UTF-8`,
      );
    })
    .sort();
}

/** Where a link out of the folder leads is another place in the guest, or none. */
function insideTarget(where: string, real: string, inside: string): string {
  const target = reading(where, () => readlinkSync(real));
  const end = posix.normalize(posix.join(posix.dirname(inside), target));
  if (!target.startsWith('/') && end !== '..' && !end.startsWith('../')) return target;
  throw refusal(
    where,
    `found a link to ${JSON.stringify(target)}, wanted one within what is added`,
  );
}

function reading<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw refusal(path, `found ${unreadReason(cause)}, wanted a file or a folder`, cause);
  }
}

function refusal(path: string, problem: string, cause?: unknown): ConvertError {
  const hint = unreadHint(path, cause);
  return new ConvertError('USAGE', `adding ${path}: ${problem}`, { cause, ...(hint && { hint }) });
}
