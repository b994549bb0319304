import { ConvertError } from '../error.ts';
import type { FrameworkReference, RollForward } from './app.ts';
import { lastOption } from './host-options.ts';
import {
  parseLegacyRollForward,
  parseRollForward,
  type RollForwardChoice,
  type RuntimeConfig,
} from './runtimeconfig.ts';
import { isRelease, parseVersion } from './version.ts';

/** What an app's environment and command line say about choosing frameworks, for every config alike. */
export interface RollForwardSettings {
  /** `DOTNET_ROLL_FORWARD_ON_NO_CANDIDATE_FX`: where no config says otherwise. */
  readonly fallback: RollForward;
  /** `--roll-forward`, `--roll-forward-on-no-candidate-fx` or `DOTNET_ROLL_FORWARD`, in that order. */
  readonly override?: RollForward;
  /** `DOTNET_ROLL_FORWARD_TO_PRERELEASE=1`: releases are not preferred. */
  readonly toPrerelease: boolean;
  /** `--fx-version`: the exact version of the first framework. */
  readonly firstVersion?: string;
}

/**
 * @param hostOptions the words between `dotnet` and the assembly; the last of a repeated option counts.
 * @throws ConvertError `RUNTIMECONFIG_INVALID` for a value the host would refuse (exit code 147).
 */
export function settingsOf(
  env: ReadonlyMap<string, string>,
  hostOptions: readonly string[],
): RollForwardSettings {
  const fallback = env.get('DOTNET_ROLL_FORWARD_ON_NO_CANDIDATE_FX');
  const fromEnv = env.get('DOTNET_ROLL_FORWARD');
  const option = lastOption(hostOptions, '--roll-forward');
  const legacyOption = lastOption(hostOptions, '--roll-forward-on-no-candidate-fx');
  const firstVersion = lastOption(hostOptions, '--fx-version');
  const exact = parsed('--fx-version', firstVersion, parseVersion);
  const parsedEnv = parsed('DOTNET_ROLL_FORWARD', fromEnv, parseRollForward);
  const override =
    parsed('--roll-forward', option, parseRollForward) ??
    parsed('--roll-forward-on-no-candidate-fx', legacyOption, parseLegacyRollForward) ??
    parsedEnv;
  return {
    fallback:
      parsed('DOTNET_ROLL_FORWARD_ON_NO_CANDIDATE_FX', fallback, parseLegacyRollForward) ?? 'Minor',
    ...(override && { override }),
    toPrerelease: Number.parseInt(env.get('DOTNET_ROLL_FORWARD_TO_PRERELEASE') ?? '', 10) === 1,
    ...(exact && { firstVersion: exact.text }),
  };
}

/** An empty variable is one that is not set, as for the host. */
function parsed<T>(
  name: string,
  value: string | undefined,
  parse: (text: string) => T | undefined,
): T | undefined {
  if (value === undefined || value === '') {
    return undefined;
  }
  const result = parse(value);
  if (result === undefined) {
    throw new ConvertError(
      'RUNTIMECONFIG_INVALID',
      `reading how to choose a framework: found ${name}=${JSON.stringify(value)}, a value the .NET host refuses`,
      { hint: 'wanted LatestPatch, Minor, LatestMinor, Major, LatestMajor or Disable' },
    );
  }
  return result;
}

/** The references of one config with all settings applied, the last word winning (runtime_config.cpp). */
export function referencesOf(
  config: RuntimeConfig,
  settings: RollForwardSettings,
): readonly FrameworkReference[] {
  return config.frameworks.map(({ name, version, ...own }) => {
    const choice: RollForwardChoice = { ...config.settings, ...own };
    return {
      name,
      version: version.text,
      rollForward: settings.override ?? choice.rollForward ?? settings.fallback,
      applyPatches: choice.applyPatches ?? true,
      preferRelease: isRelease(version) && !settings.toPrerelease,
    };
  });
}

/** The references of an app's own config: `--fx-version` pins the first. */
export function appReferencesOf(
  config: RuntimeConfig,
  settings: RollForwardSettings,
): readonly FrameworkReference[] {
  const { firstVersion } = settings;
  return referencesOf(config, settings).map((reference, index) =>
    index === 0 && firstVersion !== undefined
      ? { ...reference, version: firstVersion, rollForward: 'Disable' }
      : reference,
  );
}
