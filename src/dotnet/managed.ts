import { ConvertError } from '../error.ts';
import type { Architecture } from './architecture.ts';
import { baseName, type Command, folderOf, pathFrom } from './command.ts';
import { type Files, isFile, readWhole } from './files.ts';
import { lastOption } from './host-options.ts';
import { problemOfBinary } from './installed.ts';
import { hostObjectOf, objectOf } from './json.ts';
import { isLinkedToMusl } from './musl.ts';
import { muslRefusal } from './musl-refusal.ts';
import { hostJsonCap, type RuntimeConfig, readRuntimeConfig } from './runtimeconfig.ts';

/** An entry assembly and the files beside it. */
export interface ManagedApp {
  /** The entry assembly, absolute, without links. */
  readonly assembly: string;
  readonly configPath: string;
  /** Absent for a self-contained app whose config is lost: the host runs it all the same. */
  readonly config?: RuntimeConfig;
  /** The runtime identifier the app was published for, e.g. `linux-musl-x64`; none for portable apps. */
  readonly rid?: string;
}

/** Reads what lies beside `assembly`, or where the host options say. @throws `RUNTIMECONFIG_INVALID`. */
export function readManagedApp(
  files: Files,
  assembly: string,
  command: Pick<Command, 'workingDirectory'>,
  hostOptions: readonly string[],
): ManagedApp {
  const stem = assembly.replace(/\.[^./]*$/, '');
  const given = givenFile(files, command, hostOptions, '--runtimeconfig');
  givenFile(files, command, hostOptions, '--depsfile');
  // The host puts this ending in the place of whatever the name given ends in.
  const configPath = `${given?.replace(/\.[^./]*$/, '') ?? `${stem}.runtimeconfig`}.json`;
  const config = readRuntimeConfig(files, configPath);
  const rid = ridOf(readWhole(files, `${stem}.deps.json`, hostJsonCap));
  return {
    assembly,
    configPath,
    ...(config && { config }),
    ...(rid !== undefined && { rid }),
  };
}

/** The file that a host option names, absolute. @throws `APP_INVALID` where it is not there (code 129, 147). */
function givenFile(
  files: Files,
  command: Pick<Command, 'workingDirectory'>,
  hostOptions: readonly string[],
  option: string,
): string | undefined {
  const given = lastOption(hostOptions, option);
  const path = given ? pathFrom(command, given) : undefined;
  if (path !== undefined && !isFile(files, path)) {
    throw new ConvertError(
      'APP_INVALID',
      `reading the app: ${option} names ${path}, found no such file`,
      {
        hint: `put the file into the image, or leave ${option} away`,
      },
    );
  }
  return path;
}

/** `runtimeTarget` of a deps.json is `.NETCoreApp,Version=v10.0/linux-x64`, or without the RID. */
function ridOf(depsJson: Uint8Array | undefined): string | undefined {
  const target = depsJson && hostObjectOf(depsJson)?.get('runtimeTarget');
  const name = objectOf(target)?.get('name') ?? target;
  return typeof name === 'string' ? name.split('/')[1] : undefined;
}

/**
 * Makes sure that an app without shared frameworks has its runtime beside it, and that our kernel can
 * run that.
 * @throws ConvertError `APP_INVALID`.
 */
export function requireOwnRuntime(
  files: Files,
  app: ManagedApp,
  launcher: 'muxer' | 'apphost',
): void {
  const folder = folderOf(app.assembly);
  const wanted = [
    ...(launcher === 'apphost' ? ['libhostfxr.so'] : []),
    'libhostpolicy.so',
    'libcoreclr.so',
  ];
  const absent = wanted.find((name) => !isFile(files, `${folder}/${name}`));
  if (absent !== undefined) {
    const why =
      app.config === undefined
        ? `there is no ${app.configPath}, so it must bring its own runtime`
        : `${app.configPath} asks for no shared framework, so it must bring its own runtime`;
    throw new ConvertError(
      'APP_INVALID',
      `reading the app ${app.assembly}: ${why}, but found no ${absent} beside it`,
      {
        hint: `publish again and put the whole output into the image, ${baseName(app.configPath)} too`,
      },
    );
  }
  const coreclr = `${folder}/libcoreclr.so`;
  if (isLinkedToMusl(files, coreclr)) {
    throw muslRefusal(files, 'self-contained app', { executable: coreclr, assembly: app.assembly });
  }
  const problem = problemOfBinary(files, coreclr);
  if (problem !== undefined) {
    throw unsuitable(app.assembly, problem, files.architecture);
  }
}

/** An app that brings native code for another machine or C library. */
export function unsuitable(
  path: string,
  problem: string,
  architecture: Architecture,
): ConvertError {
  return new ConvertError('APP_INVALID', `reading the app ${path}: ${problem}`, {
    hint: `publish again for this platform: dotnet publish -r linux-${architecture}`,
  });
}
