import { ConvertError } from '../error.ts';
import type { DotnetApp } from './app.ts';
import { entryPointHint, namedCandidates } from './candidates.ts';
import { folderOf, pathFrom } from './command.ts';
import { appOf, type Image } from './description.ts';
import { frameworkRefusal } from './foreign.ts';
import { splitMuxerWords } from './host-options.ts';
import { readManagedApp, requireOwnRuntime } from './managed.ts';
import { readAssembly } from './metadata/assembly.ts';
import { sdkCommandRefusal, sdkEvidence } from './sdk.ts';

/** Where .NET's own images have it, and where a runtime from elsewhere is put. */
export const defaultDotnetRoot = '/usr/share/dotnet';

/**
 * The app that `dotnet` is given.
 * @param muxer the `dotnet` of the image, without links; undefined when the image has none.
 * @throws ConvertError `APP_NOT_FOUND`, `APP_INVALID`, `RUNTIMECONFIG_INVALID`.
 */
export function describeMuxer(image: Image, muxer: string | undefined): DotnetApp {
  const { files, command } = image;
  const { hostOptions, rest } = splitMuxerWords(command.args);
  const [name, ...args] = rest;
  const assembly = name === undefined ? undefined : files.find(pathFrom(command, name));
  if (name === undefined || !/\.(?:dll|exe)$/i.test(name) || assembly?.kind !== 'file') {
    throw notAnApp(image, name);
  }
  const refusal = frameworkRefusal(assembly.path, files.read(assembly.path, readAssembly));
  if (refusal !== undefined) throw refusal;
  const app = readManagedApp(files, assembly.path, command, hostOptions);
  const found = {
    launcher: 'muxer',
    executable: muxer ?? `${defaultDotnetRoot}/dotnet`,
    assembly: app.assembly,
    hostOptions,
    args,
  } as const;
  const evidence = [
    muxer === undefined ? 'the image has no dotnet of its own' : `dotnet is ${muxer}`,
    ...(muxer === undefined ? [] : sdkEvidence(files, folderOf(muxer))),
    `the entry assembly is ${app.assembly}`,
  ];
  if (app.config?.frameworkDependent) {
    const asked = app.config.frameworks.map(
      (framework) => `${framework.name} ${framework.version.text}`,
    );
    const says = `${app.configPath} asks for ${asked.join(' and ')}`;
    const kind = 'framework-dependent';
    return appOf(image, { ...found, kind, evidence: [...evidence, says] }, app.config);
  }
  requireOwnRuntime(files, app, 'muxer');
  if (muxer === undefined) {
    throw new ConvertError(
      'APP_INVALID',
      `reading the app ${app.assembly}: it brings its own runtime, and the image has no dotnet to start it with`,
      { hint: 'rebuild the image with the executable beside the .dll as its ENTRYPOINT' },
    );
  }
  return appOf(
    image,
    {
      ...found,
      kind: 'self-contained',
      evidence: [...evidence, 'the runtime lies beside it: libhostpolicy.so and libcoreclr.so'],
    },
    app.config,
  );
}

function notAnApp({ tree, command }: Image, name: string | undefined): ConvertError {
  const refusal = name === undefined ? undefined : sdkCommandRefusal(tree, command, name);
  if (refusal !== undefined) return refusal;
  const where = `the image runs ${command.shown} in ${command.workingDirectory}`;
  const problem =
    name === undefined
      ? 'dotnet is given no app'
      : /\.(?:dll|exe)$/i.test(name)
        ? `there is no file ${JSON.stringify(pathFrom(command, name).slice(0, 400))}`
        : `${JSON.stringify(name.slice(0, 400))} is no app but for dotnet itself`;
  return new ConvertError(
    'APP_NOT_FOUND',
    `finding the app: ${where}: ${problem}; wanted a .dll; ${namedCandidates(tree)}`,
    { hint: entryPointHint(tree) },
  );
}
