import type { Tree } from '../tree/tree.ts';
import type { DotnetApp } from './app.ts';
import type { Command } from './command.ts';
import type { Files } from './files.ts';
import { baseFramework } from './installed.ts';
import type { RuntimeConfig } from './runtimeconfig.ts';
import { appReferencesOf, settingsOf } from './settings.ts';

/** What the kinds of apps are told apart by. */
export interface Image {
  readonly tree: Tree;
  readonly files: Files;
  readonly command: Command;
}

type Found = Pick<
  DotnetApp,
  'kind' | 'launcher' | 'executable' | 'hostOptions' | 'args' | 'evidence'
> &
  Partial<Pick<DotnetApp, 'assembly' | 'bundle' | 'version' | 'aspnet' | 'invariantGlobalization'>>;

/** An app from what was found of it and what its runtimeconfig.json says. */
export function appOf(
  { command }: Image,
  found: Found,
  config: RuntimeConfig | undefined,
): DotnetApp {
  const { env, workingDirectory } = command;
  const needsRuntime = config?.frameworkDependent === true;
  const version = found.version ?? (config && versionOf(config));
  return {
    ...found,
    needsRuntime,
    workingDirectory,
    env,
    frameworks: needsRuntime ? appReferencesOf(config, settingsOf(env, found.hostOptions)) : [],
    ...(version !== undefined && { version }),
    aspnet: found.aspnet === true || usesAspNet(config),
    invariantGlobalization:
      found.invariantGlobalization === true ||
      config?.properties.get('System.Globalization.Invariant')?.toLowerCase() === 'true',
  };
}

function versionOf(config: RuntimeConfig): string | undefined {
  const included = config.includedFrameworks.find(({ name }) => name === baseFramework);
  return included?.version ?? /^net(?:coreapp)?([0-9]+\.[0-9]+)/.exec(config.tfm ?? '')?.[1];
}

function usesAspNet(config: RuntimeConfig | undefined): boolean {
  return [...(config?.frameworks ?? []), ...(config?.includedFrameworks ?? [])].some(({ name }) =>
    name.startsWith('Microsoft.AspNetCore.'),
  );
}
