import type { Elf } from '../elf/elf.ts';
import { ConvertError } from '../error.ts';
import type { DotnetApp } from './app.ts';
import { baseName, folderOf, pathFrom } from './command.ts';
import { appOf, type Image } from './description.ts';
import { isFile } from './files.ts';
import { splitApphostWords } from './host-options.ts';
import { problemOfElf } from './installed.ts';
import { readManagedApp, requireOwnRuntime, unsuitable } from './managed.ts';
import type { HostMarkers } from './markers.ts';
import { usesMusl } from './musl.ts';
import { muslRefusal } from './musl-refusal.ts';

/** The app behind an apphost: a small native program that loads the assembly whose name it carries. */
export function describeApphost(
  image: Image,
  path: string,
  elf: Elf,
  markers: HostMarkers,
): DotnetApp {
  const { files, command } = image;
  const words = splitApphostWords(command.args);
  const assembly = boundAssembly(image, path, markers);
  const app = readManagedApp(files, assembly, command, words.hostOptions);
  const { relativeDotnet } = markers;
  const dotnet =
    relativeDotnet === undefined ? undefined : files.find(`${folderOf(path)}/${relativeDotnet}`);
  const found = {
    launcher: 'apphost',
    executable: path,
    assembly,
    ...(dotnet?.kind === 'directory' && { dotnetFolder: dotnet.path }),
  } as const;
  const evidence = [
    `${path} is an apphost for ${assembly}`,
    ...(relativeDotnet === undefined
      ? []
      : [`${path} looks for .NET in ${relativeDotnet} beside it`]),
  ];
  if (app.config?.frameworkDependent) {
    const asked = app.config.frameworks.map(({ name, version }) => `${name} ${version.text}`);
    return appOf(
      image,
      {
        ...found,
        kind: 'framework-dependent',
        hostOptions: words.hostOptions,
        args: words.rest,
        evidence: [
          ...evidence,
          `${app.configPath} asks for ${asked.join(' and ')}`,
          ...(usesMusl(elf)
            ? ['the apphost is linked to musl: dotnet starts the assembly instead']
            : []),
        ],
      },
      app.config,
    );
  }
  if (usesMusl(elf)) {
    throw muslRefusal(files, 'self-contained app', { executable: path, assembly });
  }
  const problem = problemOfElf(elf, path, files.architecture);
  if (problem !== undefined) {
    throw unsuitable(path, problem, files.architecture);
  }
  requireOwnRuntime(files, app, 'apphost');
  requireApphostMode(image, path);
  return appOf(
    image,
    {
      ...found,
      kind: 'self-contained',
      hostOptions: [],
      args: command.args,
      evidence: [...evidence, 'the runtime lies beside it: libhostfxr.so and libcoreclr.so'],
    },
    app.config,
  );
}

/**
 * Without a deps.json of its name, the host of an app with its own runtime looks for a runtimeconfig.json in
 * the current folder, and where it finds one takes itself for `dotnet` (dotnet/runtime, corehost, hostfxr.cpp,
 * detect_operating_mode).
 */
function requireApphostMode({ files, command }: Image, path: string): void {
  const name = baseName(path);
  const config = pathFrom(command, `${name}.runtimeconfig.json`);
  if (isFile(files, `${folderOf(path)}/${name}.deps.json`) || !isFile(files, config)) return;
  throw new ConvertError(
    'APP_INVALID',
    `reading the app ${path}: found ${config} in the folder it starts in and no ${name}.deps.json beside the app: its host would take itself for dotnet and start no app`,
    {
      hint: `put ${name}.deps.json of the published output beside the app, or start it in another folder: --workdir /`,
    },
  );
}

/** The name an apphost carries, among the texts of its data: the one that is a file beside it. */
function boundAssembly(
  { files }: Image,
  path: string,
  { unbound, assemblies }: HostMarkers,
): string {
  if (unbound) {
    const problem = 'found an apphost that was never bound to an app (exit code 149)';
    throw unsuitable(path, problem, files.architecture);
  }
  const folder = folderOf(path);
  const names = [...assemblies, `${baseName(path)}.dll`];
  const found = names
    .map((name) => files.find(`${folder}/${name}`))
    .find((candidate) => candidate?.kind === 'file');
  if (found === undefined) {
    const problem = `found an apphost for ${names[0]}, and no such file beside it`;
    throw unsuitable(path, problem, files.architecture);
  }
  return found.path;
}
