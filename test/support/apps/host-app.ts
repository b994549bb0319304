import { execFileSync } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { findProgram } from '../docker-registry.ts';
import { type BuiltImage, buildImage, type ImageRecipe } from '../image.ts';
import { directory, file, layerTar, symlink } from '../layers.ts';
import { baseFiles } from '../published-apps.ts';

/** A published app in a folder of this host. */
export interface HostApp {
  readonly name: string;
  /** Its files: `/app` of its image, and the working directory. */
  readonly folder: string;
  /** Entrypoint of its image: `dotnet NAME.dll`, `./NAME`. */
  readonly command: readonly string[];
  readonly args?: readonly string[];
  /** Variables of its image. */
  readonly env?: Readonly<Record<string, string>>;
  /** The path that it answers over HTTP; absent for an app that ends by itself. */
  readonly serves?: string;
  /** What is different in each of its runs. */
  readonly varies?: RegExp;
}

/** Layers below the app, bottom first. */
export type Base = ImageRecipe['layers'];

/** An image as a Dockerfile on Microsoft's base images gives it. */
export function imageOf(app: HostApp, base: Base): BuiltImage {
  const layers = [...base, tarOf(app.folder, 'app')];
  return buildImage({ compression: 'none', layers, config: configOf(app) });
}

/** `config` of its image config. */
export function configOf({
  command,
  args,
  env,
  serves,
}: Omit<HostApp, 'folder'>): Readonly<Record<string, unknown>> {
  return {
    Env: [
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      'APP_UID=1654',
      'ASPNETCORE_HTTP_PORTS=8080',
      'DOTNET_RUNNING_IN_CONTAINER=true',
      ...Object.entries(env ?? {}).map(([name, value]) => `${name}=${value}`),
    ],
    WorkingDir: '/app',
    Entrypoint: command,
    ...(args && { Cmd: args }),
    ...(serves !== undefined && { ExposedPorts: { '8080/tcp': {} } }),
  };
}

/** A base without any library, which then come from the host. */
export function bareBase(): Uint8Array {
  return layerTar([
    ...['etc', 'home', 'home/app', 'tmp', 'usr', 'usr/bin', 'usr/lib', 'usr/lib64'].map((path) =>
      directory(path),
    ),
    ...['bin', 'lib', 'lib64'].map((link) => symlink(link, `usr/${link}`)),
    ...[...baseFiles].map(([path, text]) => file(path, text)),
  ]);
}

/** The layer with the runtimes of this host, where Microsoft's images have theirs; undefined where there is none. */
export function runtimeLayer(): Uint8Array | undefined {
  const program = findProgram('dotnet');
  if (program === undefined) return undefined;
  const folder = dirname(realpathSync(program));
  const parts = ['dotnet', 'host', 'shared', 'LICENSE.txt', 'ThirdPartyNotices.txt'];
  const found = parts.filter((part) => existsSync(`${folder}/${part}`));
  return tarOf(folder, 'usr/share/dotnet', found);
}

/** A tar of a folder of this host, or of some names in it, at another place. */
export function tarOf(folder: string, place: string, names: readonly string[] = ['.']): Uint8Array {
  const options = ['--create', '--owner=0', '--group=0', '--mode=a+rX', '--sort=name'];
  const moved = `--transform=s,^\\(\\./\\|\\.$\\)\\?,${place}/,S`;
  return execFileSync('tar', [...options, moved, '-C', folder, ...names], { maxBuffer: 2 ** 31 });
}
