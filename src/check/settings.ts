import { posix } from 'node:path';
import type { DotnetApp } from '../dotnet/app.ts';
import { folderOf } from '../dotnet/command.ts';
import { type Files, readWhole } from '../dotnet/files.ts';
import { objectOf, parseHostJson } from '../dotnet/json.ts';

/** A value of an appsettings.json, by the way to it. */
export interface Setting {
  /** Absolute in the image. */
  readonly file: string;
  /** `Kestrel:Endpoints:Http:Url`, as .NET writes it; it heeds no case. */
  readonly key: string;
  readonly value: string;
}

const fileCap = 1 << 20;
const settingCap = 10_000;
const depthCap = 32;
const keyCap = 1000;

type Placed = Pick<DotnetApp, 'assembly' | 'executable' | 'workingDirectory'>;

/**
 * The settings an app reads when it starts (Host.CreateDefaultBuilder): appsettings.json, then that of its
 * environment, from the content root, which is the working directory, or from beside the app. Of a key that
 * is there twice the last counts.
 */
export function readSettings(
  files: Files,
  app: Placed,
  env: ReadonlyMap<string, string>,
): readonly Setting[] {
  const folders = [folderOf(app.assembly ?? app.executable), app.workingDirectory];
  const environment =
    env.get('ASPNETCORE_ENVIRONMENT') ?? env.get('DOTNET_ENVIRONMENT') ?? 'Production';
  const names = ['appsettings.json', `appsettings.${environment.replaceAll('/', '')}.json`];
  const settings = names.flatMap((name) =>
    folders.flatMap((folder) => settingsIn(files, posix.join('/', folder, name))),
  );
  return [...new Map(settings.map((one) => [one.key.toLowerCase(), one])).values()];
}

function settingsIn(files: Files, file: string): readonly Setting[] {
  const bytes = readWhole(files, file, fileCap);
  if (bytes === undefined) return [];
  try {
    return flatten(file, parseHostJson(bytes));
  } catch {
    // What is no JSON is for the app to refuse.
    return [];
  }
}

function flatten(file: string, root: unknown): readonly Setting[] {
  const settings: Setting[] = [];
  const visit = (value: unknown, key: string, depth: number): void => {
    if (depth > depthCap || key.length > keyCap || settings.length >= settingCap) return;
    const members = Array.isArray(value) ? Object.entries(value) : objectOf(value);
    for (const [name, member] of members ?? []) {
      visit(member, key === '' ? name : `${key}:${name}`, depth + 1);
    }
    if (typeof value === 'string') settings.push({ file, key, value });
  };
  visit(root, '', 0);
  return settings;
}
