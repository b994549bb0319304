import { ConvertError } from '../error.ts';
import type { FrameworkReference, RollForward } from './app.ts';
import { lastOption } from './host-options.ts';
import { leadingNumber, parseRollForward, rollForwardOfNumber } from './roll-forward-names.ts';
import type { RuntimeConfig } from './runtimeconfig.ts';
import { isRelease } from './version.ts';

/** What an app's environment and command line say about choosing frameworks, for every config alike. */
export interface RollForwardSettings {
  /** `DOTNET_ROLL_FORWARD_ON_NO_CANDIDATE_FX`: where no config says otherwise. */
  readonly fallback: RollForward;
  /** `--roll-forward` or `--roll-forward-on-no-candidate-fx`, else `DOTNET_ROLL_FORWARD`. */
  readonly override?: RollForward;
  /** `DOTNET_ROLL_FORWARD_TO_PRERELEASE=1`: releases are not preferred. */
  readonly toPrerelease: boolean;
  /** `--fx-version`: the exact version of the first framework. */
  readonly firstVersion?: string;
}

/**
 * @param hostOptions the words between `dotnet` and the assembly; the last of a repeated option counts. An
 * empty value is none, as for the host.
 * @throws ConvertError `RUNTIMECONFIG_INVALID` for a value the host would refuse (exit codes 129 and 147).
 */
export function settingsOf(
  env: ReadonlyMap<string, string>,
  hostOptions: readonly string[],
): RollForwardSettings {
  const fallback = env.get('DOTNET_ROLL_FORWARD_ON_NO_CANDIDATE_FX');
  const option = lastOption(hostOptions, '--roll-forward');
  const legacyOption = lastOption(hostOptions, '--roll-forward-on-no-candidate-fx');
  const firstVersion = lastOption(hostOptions, '--fx-version');
  if (option && legacyOption) {
    throw refused(
      'both --roll-forward and --roll-forward-on-no-candidate-fx',
      'give one of them: --roll-forward LatestPatch, Minor, LatestMinor, Major, LatestMajor or Disable',
    );
  }
  // The host checks the variable even where an option overrules it.
  const fromEnv = parsed('DOTNET_ROLL_FORWARD', env.get('DOTNET_ROLL_FORWARD'));
  const override = legacyOption
    ? rollForwardOfNumber(leadingNumber(legacyOption))
    : (parsed('--roll-forward', option) ?? fromEnv);
  return {
    fallback: fallback ? rollForwardOfNumber(leadingNumber(fallback)) : 'Minor',
    ...(override && { override }),
    toPrerelease: leadingNumber(env.get('DOTNET_ROLL_FORWARD_TO_PRERELEASE') ?? '') === 1,
    ...(firstVersion && { firstVersion }),
  };
}

function parsed(name: string, value: string | undefined): RollForward | undefined {
  if (!value) {
    return undefined;
  }
  const result = parseRollForward(value);
  if (result === undefined) {
    throw refused(
      `${name}=${JSON.stringify(value)}, a value the .NET host refuses`,
      'wanted LatestPatch, Minor, LatestMinor, Major, LatestMajor or Disable',
    );
  }
  return result;
}

function refused(found: string, hint: string): ConvertError {
  const action = 'reading how to choose a framework';
  return new ConvertError('RUNTIMECONFIG_INVALID', `${action}: found ${found}`, { hint });
}

/** The references of one config with all settings applied, the last word winning (runtime_config.cpp). */
export function referencesOf(
  config: RuntimeConfig,
  settings: RollForwardSettings,
): readonly FrameworkReference[] {
  return config.frameworks.map(({ name, version, rollForward, applyPatches }) => ({
    name,
    version: version.text,
    rollForward: settings.override ?? rollForward ?? settings.fallback,
    applyPatches: applyPatches ?? true,
    preferRelease: isRelease(version) && !settings.toPrerelease,
  }));
}

/**
 * The references of the config of an app that needs frameworks: `--fx-version` pins the first.
 * @throws ConvertError `RUNTIMECONFIG_INVALID` for one that names none.
 */
export function appReferencesOf(
  config: RuntimeConfig,
  settings: RollForwardSettings,
): readonly FrameworkReference[] {
  const { firstVersion } = settings;
  if (config.frameworks.length === 0) {
    throw new ConvertError(
      'RUNTIMECONFIG_INVALID',
      `reading ${config.path}: found "frameworks" without an entry, wanted the frameworks the app needs`,
      {
        hint: 'publish the app again with `dotnet publish` and put the whole output into the image',
      },
    );
  }
  return referencesOf(config, settings).map((reference, index) =>
    index === 0 && firstVersion !== undefined
      ? { ...reference, version: firstVersion, rollForward: 'Disable', applyPatches: false }
      : reference,
  );
}
