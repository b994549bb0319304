import { ConvertError } from '../error.ts';
import type { RollForward } from './app.ts';
import { type JsonObject, objectOf, parseHostJson } from './json.ts';
import { type FrameworkVersion, parseVersion } from './version.ts';

/** What the host takes from an `*.runtimeconfig.json` (dotnet/runtime, runtime_config.cpp). */
export interface RuntimeConfig {
  /** Target framework, e.g. `net10.0`. */
  readonly tfm?: string;
  /** `framework`, then `frameworks`: the app needs shared frameworks. */
  readonly frameworks: readonly FrameworkRequest[];
  /** `includedFrameworks`: the app brings its own. */
  readonly includedFrameworks: readonly { readonly name: string; readonly version: string }[];
  /** True when `framework` or `frameworks` is there. */
  readonly frameworkDependent: boolean;
  /** Settings for every framework that has none of its own. */
  readonly settings: RollForwardChoice;
  /** `configProperties`; values that are not strings as their JSON. */
  readonly properties: ReadonlyMap<string, string>;
}

export interface RollForwardChoice {
  readonly rollForward?: RollForward;
  readonly applyPatches?: boolean;
}

export interface FrameworkRequest extends RollForwardChoice {
  readonly name: string;
  readonly version: FrameworkVersion;
}

/** An app asks for two or three; every one is compared with every other. */
const frameworkCap = 64;

/** Bytes above which no runtimeconfig.json or deps.json is read. */
export const hostJsonCap = 16 << 20;

const rollForwards: readonly RollForward[] = [
  'Disable',
  'LatestPatch',
  'Minor',
  'LatestMinor',
  'Major',
  'LatestMajor',
];

/** `rollForwardOnNoCandidateFx`, the setting before .NET Core 3.0, by its number. */
const legacyRollForwards: readonly RollForward[] = ['LatestPatch', 'Minor', 'Major'];

/** As the host: letter case does not matter. */
export function parseRollForward(text: string): RollForward | undefined {
  return rollForwards.find((name) => name.toLowerCase() === text.toLowerCase());
}

export function parseLegacyRollForward(text: string): RollForward | undefined {
  return /^[0-2]$/.test(text) ? legacyRollForwards[Number(text)] : undefined;
}

/**
 * @param path where the file lies, for messages.
 * @throws ConvertError `RUNTIMECONFIG_INVALID` for what makes the host end with code 147.
 */
export function parseRuntimeConfig(bytes: Uint8Array, path: string): RuntimeConfig {
  const invalid: Invalid = (problem, cause) => {
    throw new ConvertError('RUNTIMECONFIG_INVALID', `reading ${path}: ${problem}`, {
      hint: 'publish the app again with `dotnet publish` and put the whole output into the image',
      cause,
    });
  };
  const options = objectOf(objectOf(parseJson(bytes, invalid))?.get('runtimeOptions'));
  if (options === undefined) {
    return invalid('found no "runtimeOptions", wanted an object of that name');
  }
  const reader = { invalid, seen: new Set<string>() };
  const settings = choiceOf(options, reader);
  const single = options.get('framework');
  const several = listOf(options, 'frameworks', invalid);
  const requests = [...(single === undefined ? [] : [single]), ...(several ?? [])];
  const frameworks = requests.map((request) => requestOf(request, reader));
  const included = listOf(options, 'includedFrameworks', invalid);
  const frameworkDependent = single !== undefined || several !== undefined;
  if (frameworkDependent && included !== undefined) {
    invalid('found "includedFrameworks" beside "framework" or "frameworks", wanted one kind');
  }
  if (frameworkDependent && frameworks.length === 0) {
    invalid('found "frameworks" without an entry, wanted the frameworks the app needs');
  }
  const duplicate = frameworks.find(
    ({ name }, index) => frameworks.findIndex((other) => other.name === name) !== index,
  );
  if (duplicate !== undefined) {
    invalid(`found the framework ${duplicate.name} twice, wanted it once`);
  }
  const tfm = options.get('tfm');
  return {
    ...(typeof tfm === 'string' && { tfm }),
    frameworks,
    includedFrameworks: (included ?? []).map((framework) => nameAndVersion(framework, invalid)),
    frameworkDependent,
    settings,
    properties: propertiesOf(options.get('configProperties')),
  };
}

type Invalid = (problem: string, cause?: unknown) => never;

interface Reader {
  readonly invalid: Invalid;
  /** Which generation of roll-forward settings the file used so far: it may use only one. */
  readonly seen: Set<string>;
}

function parseJson(bytes: Uint8Array, invalid: Invalid): unknown {
  try {
    return parseHostJson(bytes);
  } catch (cause) {
    return invalid('found text that is no JSON, wanted a JSON object', cause);
  }
}

function listOf(
  options: JsonObject,
  name: string,
  invalid: Invalid,
): readonly unknown[] | undefined {
  const value = options.get(name);
  if (value !== undefined && !Array.isArray(value)) {
    invalid(`found ${JSON.stringify(value)} as "${name}", wanted an array`);
  }
  if (value !== undefined && value.length > frameworkCap) {
    invalid(`found ${value.length} entries in "${name}", wanted at most ${frameworkCap}`);
  }
  return value;
}

function nameAndVersion(value: unknown, invalid: Invalid): { name: string; version: string } {
  const members = objectOf(value);
  const name = members?.get('name');
  const version = members?.get('version');
  return typeof name === 'string' && name !== '' && typeof version === 'string'
    ? { name, version }
    : invalid(`found ${JSON.stringify(value)} as a framework, wanted a name and a version`);
}

function requestOf(value: unknown, reader: Reader): FrameworkRequest {
  const { name, version } = nameAndVersion(value, reader.invalid);
  // It becomes the name of a folder that is looked up and packed.
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(name)) {
    return reader.invalid(`found the framework name ${JSON.stringify(name)}`);
  }
  const parsed = parseVersion(version);
  return parsed === undefined
    ? reader.invalid(`found ${JSON.stringify(version)} of ${name}, wanted a version like 8.0.0`)
    : { name, version: parsed, ...choiceOf(objectOf(value) ?? new Map(), reader) };
}

function choiceOf(members: JsonObject, { invalid, seen }: Reader): RollForwardChoice {
  const rollForward = members.get('rollForward');
  const legacy = members.get('rollForwardOnNoCandidateFx');
  const applyPatches = members.get('applyPatches');
  if (rollForward !== undefined) {
    seen.add('rollForward');
  }
  if (legacy !== undefined || applyPatches !== undefined) {
    seen.add('rollForwardOnNoCandidateFx or applyPatches');
  }
  if (seen.size > 1) {
    invalid(`found both ${[...seen].join(' and ')}, wanted settings of one generation`);
  }
  const chosen =
    rollForward === undefined
      ? legacy === undefined
        ? undefined
        : (parseLegacyRollForward(String(legacy)) ??
          invalid(`found rollForwardOnNoCandidateFx ${JSON.stringify(legacy)}, wanted 0, 1 or 2`))
      : (parseRollForward(String(rollForward)) ??
        invalid(
          `found rollForward ${JSON.stringify(rollForward)}, wanted ${rollForwards.join(', ')}`,
        ));
  if (applyPatches !== undefined && typeof applyPatches !== 'boolean') {
    invalid(`found applyPatches ${JSON.stringify(applyPatches)}, wanted true or false`);
  }
  return {
    ...(chosen && { rollForward: chosen }),
    ...(typeof applyPatches === 'boolean' && { applyPatches }),
  };
}

function propertiesOf(value: unknown): ReadonlyMap<string, string> {
  const members = objectOf(value) ?? new Map<string, unknown>();
  return new Map(
    [...members].map(([name, property]) => [
      name,
      typeof property === 'string' ? property : JSON.stringify(property),
    ]),
  );
}
