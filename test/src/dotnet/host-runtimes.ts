import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Parser } from 'tar';
import type { DotnetApp } from '../../../src/dotnet/app.ts';
import { chooseRuntime, type RuntimeSource } from '../../../src/dotnet/choose.ts';
import { findHostRuntimes } from '../../../src/dotnet/runtimes.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import {
  core,
  describeImage,
  type ImageFiles,
  managed,
  noContents,
  treeOf,
} from './image-builder.ts';

/** A folder of the host. */
export const home = temporaryFolder('runtime');

/** Writes an image's files to a folder of the host, all of one time. */
export function writeFiles(name: string, files: ImageFiles): string {
  const root = join(home, name);
  for (const [path, what] of Object.entries(files)) {
    if (typeof what === 'string' || what instanceof Uint8Array) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), what);
      chmodSync(join(root, path), path.endsWith('/dotnet') ? 0o700 : 0o640);
      utimesSync(join(root, path), 1e9, 1e9);
    }
  }
  return root;
}

/** An app that asks for this version of .NET. */
export const asks = (version: string, env: readonly string[] = []): DotnetApp =>
  describeImage(managed('app', { frameworks: [core(version)] }), {
    Cmd: ['dotnet', '/app/app.dll'],
    Env: env,
  });

/** The environment of a host that has no .NET. */
export const nothing = { PATH: '/nowhere' };

/** The runtime that is chosen for an app of the image. */
export const choose = (
  app: DotnetApp,
  image: ImageFiles,
  source: RuntimeSource,
  hostEnv: Record<string, string> = nothing,
) => chooseRuntime(app, treeOf(image), noContents, { source, hostEnv });

/** The entries of a tar as another program reads them, its size and digest. */
export async function listTar(tar: AsyncIterable<Uint8Array>) {
  const entries: Record<string, unknown>[] = [];
  const parser = new Parser({ strict: true });
  parser.on('entry', (entry) => {
    const { path, type, mode, uid, size, linkpath } = entry;
    entries.push({ path, type, mode, uid, size, time: entry.mtime?.getTime(), linkpath });
    entry.resume();
  });
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of tar) {
    hash.update(chunk);
    size += chunk.length;
    parser.write(Buffer.from(chunk));
  }
  parser.end();
  return { entries, size, digest: hash.digest('hex') };
}

/** ASP.NET Core 10 as it is installed here, where it is. */
export const real = findHostRuntimes(process.env).find(({ frameworks }) =>
  frameworks.some(
    ({ name, version }) => name.startsWith('Microsoft.AspNetCore') && version.major === 10,
  ),
);
