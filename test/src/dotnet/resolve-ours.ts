import { join } from 'node:path';
import { hostFiles } from '../../../src/dotnet/host-files.ts';
import { splitMuxerWords } from '../../../src/dotnet/host-options.ts';
import {
  type DotnetFolder,
  frameworkConfig,
  type InstalledFramework,
} from '../../../src/dotnet/installed.ts';
import { readManagedApp } from '../../../src/dotnet/managed.ts';
import { resolveFrameworks } from '../../../src/dotnet/resolve.ts';
import { appReferencesOf, settingsOf } from '../../../src/dotnet/settings.ts';
import { parseVersion } from '../../../src/dotnet/version.ts';
import { ConvertError } from '../../../src/error.ts';
import type { Answer, Installation, Installed, Question, World } from './hostfxr.ts';

/** Our answers, in the words of the host's, read from the files it reads. */
export function answersOf({ installed, questions }: World, { root, apps }: Installation): Answer[] {
  const lying = (unusable: boolean): InstalledFramework[] =>
    installed
      .filter(({ incomplete = false }) => incomplete === unusable)
      .flatMap((framework) => frameworkOf(framework, root));
  const available = { frameworks: lying(false), unusable: lying(true) };
  return questions.map((question, index) => answer(question, apps[index] ?? '', available));
}

function answer(
  { words, env }: Question,
  app: string,
  available: Pick<DotnetFolder, 'frameworks' | 'unusable'>,
): Answer {
  try {
    const command = {
      name: 'dotnet',
      args: [...words, 'app.dll'],
      workingDirectory: app,
      env: new Map(Object.entries(env)),
      shown: '',
      unwrapped: [],
    };
    const { hostOptions } = splitMuxerWords(command.args);
    const { config } = readManagedApp(hostFiles, join(app, 'app.dll'), command, hostOptions);
    const needsRuntime = config?.frameworkDependent === true;
    const settings = settingsOf(needsRuntime ? command.env : new Map(), hostOptions);
    if (!needsRuntime) {
      return { kind: 'self-contained' };
    }
    const resolution = resolveFrameworks(appReferencesOf(config, settings), settings, available);
    if (resolution.kind === 'resolved') {
      const chosen = resolution.chosen.map(({ name, version }) => `${name} ${version.text}`);
      return { kind: 'resolved', chosen };
    }
    return { kind: resolution.kind === 'invalid' ? 'refused' : resolution.kind };
  } catch (error) {
    if (error instanceof ConvertError) {
      return { kind: error.code === 'FRAMEWORK_CONFLICT' ? 'endless' : 'refused' };
    }
    throw error;
  }
}

/** As `readDotnetFolder` has it, but for the libraries, which this one does not have. */
function frameworkOf({ name, version }: Installed, root: string): InstalledFramework[] {
  const parsed = parseVersion(version);
  const path = join(root, 'shared', name, version);
  const config = frameworkConfig(hostFiles, join(path, `${name}.runtimeconfig.json`));
  return parsed === undefined ? [] : [{ name, version: parsed, path, ...config }];
}
