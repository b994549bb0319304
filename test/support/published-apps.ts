import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findProgram } from './docker-registry.ts';
import { type BuiltImage, buildImage } from './image.ts';
import { type Compression, directory, file, symlink } from './layers.ts';
import { top } from './top.ts';

/** A published app: its files by name. */
export interface PublishedApp {
  readonly name: 'console' | 'web';
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** Publishes the fixture apps with the .NET SDK where it is installed, else takes the committed output. */
export async function publishApps(folder: string): Promise<readonly PublishedApp[]> {
  const apps = join(top, 'fixtures/apps');
  const names = ['console', 'web'] as const;
  const sdk = findProgram('dotnet') !== undefined;
  if (sdk) await promisify(execFile)(join(apps, 'rebuild.sh'), [folder, ...names]);
  else console.log('no .NET SDK here: taking the committed apps');
  return await Promise.all(
    names.map(async (name) => ({
      name,
      files: await filesIn(join(sdk ? folder : apps, name, 'publish')),
    })),
  );
}

async function filesIn(folder: string): Promise<ReadonlyMap<string, Uint8Array>> {
  const names = (await readdir(folder)).sort();
  return new Map(
    await Promise.all(
      names.map(async (name) => [name, await readFile(join(folder, name))] as const),
    ),
  );
}

/** Files of the base layer, in the manner of Microsoft's runtime-deps images. */
export const baseFiles: ReadonlyMap<string, string> = new Map([
  ['etc/group', 'root:x:0:\napp:x:1654:\n'],
  ['etc/os-release', 'ID=debian\nVERSION_ID="12"\n'],
  ['etc/passwd', 'root:x:0:0:root:/root:/bin/bash\napp:x:1654:1654::/home/app:/bin/sh\n'],
  ['usr/share/zoneinfo/UTC', 'TZif2'],
]);

/**
 * An image layered as the SDK's container publishing does: a base of merged /usr, and one layer with
 * the app in /app, started as `dotnet NAME.dll`.
 */
export function imageOfApp(
  { name, files }: PublishedApp,
  { compression, args = [] }: { compression: Compression; args?: readonly string[] },
): BuiltImage {
  return buildImage({
    compression,
    layers: [
      [
        ...['etc', 'home', 'home/app', 'tmp', 'usr', 'usr/bin', 'usr/lib', 'usr/lib64'].map(
          (path) => directory(path),
        ),
        ...['bin', 'lib', 'lib64'].map((link) => symlink(link, `usr/${link}`)),
        ...[...baseFiles].map(([path, text]) => file(path, text)),
      ],
      [
        directory('app'),
        ...[...files].map(([path, bytes]) => file(`app/${path}`, bytes, { mode: 0o755 })),
      ],
    ],
    config: {
      User: '1654',
      Env: [
        'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        'APP_UID=1654',
        'ASPNETCORE_HTTP_PORTS=8080',
        'DOTNET_RUNNING_IN_CONTAINER=true',
      ],
      WorkingDir: '/app',
      Entrypoint: ['dotnet', `${name}.dll`],
      ...(args.length > 0 && { Cmd: args }),
      ExposedPorts: name === 'web' ? { '8080/tcp': {} } : {},
    },
  });
}

/** Where the host's runtime is, or a stand-in with its layout, for machines that have none. */
export async function runtimeFolder(folder: string): Promise<string> {
  const { version } = JSON.parse(
    await readFile(join(top, 'fixtures/apps/console/publish/console.runtimeconfig.json'), 'utf8'),
  ).runtimeOptions.framework;
  const elf = await readFile(join(top, 'fixtures/apps/hello-aot/publish/hello-aot'));
  const base = `shared/Microsoft.NETCore.App/${version}`;
  const web = `shared/Microsoft.AspNetCore.App/${version}`;
  const files: [string, string | Uint8Array][] = [
    ['dotnet', elf],
    [`host/fxr/${version}/libhostfxr.so`, elf],
    [`${base}/libhostpolicy.so`, elf],
    [`${base}/libcoreclr.so`, elf],
    [`${base}/Microsoft.NETCore.App.deps.json`, '{}'],
    [`${base}/System.Private.CoreLib.dll`, 'stand-in'],
    [`${web}/Microsoft.AspNetCore.App.deps.json`, '{}'],
    [
      `${web}/Microsoft.AspNetCore.App.runtimeconfig.json`,
      JSON.stringify({
        runtimeOptions: { framework: { name: 'Microsoft.NETCore.App', version } },
      }),
    ],
    [`${web}/Microsoft.AspNetCore.dll`, 'stand-in'],
  ];
  for (const [path, content] of files) {
    await mkdir(join(folder, path, '..'), { recursive: true });
    await writeFile(join(folder, path), content, { mode: 0o755 });
  }
  return folder;
}
