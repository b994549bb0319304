import type { Tree } from '../tree/tree.ts';
import type { DotnetApp } from './app.ts';
import { type Command, folderOf } from './command.ts';
import type { Files } from './files.ts';
import { baseFramework } from './installed.ts';
import { runtimeVersionIn } from './runtime-version.ts';
import type { RuntimeConfig } from './runtimeconfig.ts';
import { appReferencesOf, settingsOf } from './settings.ts';
import { traitsOf } from './traits.ts';

/** The files of an image. */
export interface Rootfs {
  readonly tree: Tree;
  readonly files: Files;
}

/** What the kinds of apps are told apart by. */
export interface Image extends Rootfs {
  readonly command: Command;
}

type Found = Pick<
  DotnetApp,
  'kind' | 'launcher' | 'executable' | 'hostOptions' | 'args' | 'evidence'
> &
  Partial<
    Pick<
      DotnetApp,
      | 'assembly'
      | 'bundle'
      | 'dotnetFolder'
      | 'unbundle'
      | 'musl'
      | 'version'
      | 'model'
      | 'invariantGlobalization'
    >
  >;

/** An app from what was found of it and what its runtimeconfig.json says. */
export function appOf(
  { files, command }: Image,
  found: Found,
  config: RuntimeConfig | undefined,
): DotnetApp {
  const { env, workingDirectory } = command;
  const needsRuntime = config?.frameworkDependent === true;
  // Options are checked for every app, variables only when a framework is looked for.
  const settings = settingsOf(needsRuntime ? env : new Map(), found.hostOptions);
  const said = needsRuntime ? undefined : saidVersion(files, found);
  const version =
    found.version ?? includedVersion(config) ?? said?.version ?? frameworkVersion(config);
  const { evidence, ...traits } = traitsOf(files, found, config);
  return {
    ...found,
    ...traits,
    architecture: files.architecture,
    needsRuntime,
    workingDirectory,
    env,
    frameworks: needsRuntime ? appReferencesOf(config, settings) : [],
    ...(version !== undefined && { version }),
    model: found.model ?? traits.model,
    aspnet: (found.model ?? traits.model) === 'aspnet',
    evidence: [
      ...startOf(command),
      ...found.evidence,
      ...(said ? [said.sentence] : []),
      ...evidence,
    ],
    ...(config && { properties: config.properties }),
    invariantGlobalization:
      found.invariantGlobalization === true ||
      config?.properties.get('System.Globalization.Invariant')?.toLowerCase() === 'true',
  };
}

function includedVersion(config: RuntimeConfig | undefined): string | undefined {
  return config?.includedFrameworks.find(({ name }) => name === baseFramework)?.version;
}

function frameworkVersion(config: RuntimeConfig | undefined): string | undefined {
  return /^net(?:coreapp)?([0-9]+\.[0-9]+)/.exec(config?.tfm ?? '')?.[1];
}

/** The version of a runtime that the app brings, by its native parts. */
function saidVersion(
  files: Files,
  { kind, executable, assembly }: Found,
): { readonly version: string; readonly sentence: string } | undefined {
  const folder = folderOf(assembly ?? executable);
  const parts =
    kind === 'single-file'
      ? [executable]
      : kind === 'self-contained'
        ? [`${folder}/libcoreclr.so`, `${folder}/libhostfxr.so`]
        : [];
  for (const path of parts) {
    const said = runtimeVersionIn(files, path);
    if (said !== undefined) {
      return {
        version: said.version,
        sentence: `${path} says that it is ${said.text}: .NET ${said.version}`,
      };
    }
  }
  return undefined;
}

function startOf({ shown, workingDirectory, unwrapped }: Command): readonly string[] {
  return [`the image starts ${shown} in ${workingDirectory}`, ...unwrapped];
}
