import type { Elf } from '../elf/elf.ts';
import type { DotnetApp } from './app.ts';
import { baseName, folderOf } from './command.ts';
import { appOf, type Image } from './description.ts';
import { isFile } from './files.ts';
import { splitApphostWords } from './host-options.ts';
import { problemOfElf, usesMusl } from './installed.ts';
import { readManagedApp, requireOwnRuntime, unsuitable } from './managed.ts';
import type { HostMarkers } from './markers.ts';

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
  const found = { launcher: 'apphost', executable: path, assembly } as const;
  const evidence = [
    `the image starts ${command.shown} in ${command.workingDirectory}`,
    `${path} is an apphost for ${assembly}`,
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
  const problem = problemOfElf(elf, path);
  if (problem !== undefined) {
    throw unsuitable(path, problem);
  }
  requireOwnRuntime(files, app, 'apphost');
  return appOf(
    image,
    {
      ...found,
      kind: 'self-contained',
      hostOptions: [],
      args: command.args,
      aspnet: isFile(files, `${folderOf(assembly)}/Microsoft.AspNetCore.dll`),
      evidence: [...evidence, 'the runtime lies beside it: libhostfxr.so and libcoreclr.so'],
    },
    app.config,
  );
}

/** The name an apphost carries, among the texts of its data: the one that is a file beside it. */
function boundAssembly(
  { files }: Image,
  path: string,
  { unbound, assemblies }: HostMarkers,
): string {
  if (unbound) {
    throw unsuitable(path, 'found an apphost that was never bound to an app (exit code 149)');
  }
  const folder = folderOf(path);
  const names = [...assemblies, `${baseName(path)}.dll`];
  const found = names
    .map((name) => files.find(`${folder}/${name}`))
    .find((candidate) => candidate?.kind === 'file');
  if (found === undefined) {
    throw unsuitable(path, `found an apphost for ${names[0]}, and no such file beside it`);
  }
  return found.path;
}
