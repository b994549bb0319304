import { ConvertError } from '../error.ts';
import { baseName, type Command, folderOf, pathFrom } from './command.ts';
import { type Files, isFile, readWhole } from './files.ts';
import { lastOption } from './host-options.ts';
import { problemOfBinary } from './installed.ts';
import { objectOf, parseHostJson } from './json.ts';
import { hostJsonCap, parseRuntimeConfig, type RuntimeConfig } from './runtimeconfig.ts';

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
  command: Command,
  hostOptions: readonly string[],
): ManagedApp {
  const stem = assembly.replace(/\.[^./]*$/, '');
  const given = lastOption(hostOptions, '--runtimeconfig');
  const configPath = given === undefined ? `${stem}.runtimeconfig.json` : pathFrom(command, given);
  const bytes = readWhole(files, configPath, hostJsonCap);
  const rid = ridOf(readWhole(files, `${stem}.deps.json`, hostJsonCap));
  return {
    assembly,
    configPath,
    ...(bytes && { config: parseRuntimeConfig(bytes, configPath) }),
    ...(rid !== undefined && { rid }),
  };
}

/** `runtimeTarget` of a deps.json is `.NETCoreApp,Version=v10.0/linux-x64`, or without the RID. */
function ridOf(depsJson: Uint8Array | undefined): string | undefined {
  if (depsJson === undefined) {
    return undefined;
  }
  try {
    const target = objectOf(parseHostJson(depsJson))?.get('runtimeTarget');
    const name = objectOf(target)?.get('name') ?? target;
    return typeof name === 'string' ? name.split('/')[1] : undefined;
  } catch {
    // The host itself will say what is wrong with it; for us it is a hint only.
    return undefined;
  }
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
  const problem = problemOfBinary(files, `${folder}/libcoreclr.so`);
  if (problem !== undefined) {
    throw unsuitable(app.assembly, problem);
  }
}

/** An app that brings native code for another machine or C library. */
export function unsuitable(path: string, problem: string): ConvertError {
  return new ConvertError('APP_INVALID', `reading the app ${path}: ${problem}`, {
    hint: 'publish again for this platform: dotnet publish -r linux-x64',
  });
}
