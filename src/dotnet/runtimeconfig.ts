import { ConvertError } from '../error.ts';
import { type Invalid, shown, stringMember } from './config-members.ts';
import { type Files, readWhole } from './files.ts';
import { type JsonObject, objectOf, parseHostJson } from './json.ts';
import { openChoiceReader, type RollForwardChoice } from './roll-forward-choice.ts';
import { type FrameworkVersion, requestedVersion } from './version.ts';

/** What the host takes from an `*.runtimeconfig.json` (dotnet/runtime, runtime_config.cpp). */
export interface RuntimeConfig {
  /** Where it lies, for messages. */
  readonly path: string;
  /** Target framework, e.g. `net10.0`. */
  readonly tfm?: string;
  /** `framework`, then `frameworks`: the app needs shared frameworks. */
  readonly frameworks: readonly FrameworkRequest[];
  /** `includedFrameworks`: the app brings its own. */
  readonly includedFrameworks: readonly IncludedFramework[];
  /** True when `framework` or `frameworks` is there. */
  readonly frameworkDependent: boolean;
  /** `configProperties`; values that are not strings as their JSON. */
  readonly properties: ReadonlyMap<string, string>;
}

export interface IncludedFramework {
  readonly name: string;
  readonly version: string;
}

/** A framework as a config asks for it. What it does not say of rolling forward itself, the file says for it. */
export interface FrameworkRequest extends RollForwardChoice {
  readonly name: string;
  /** As it is written; what is no version is lower than all that are (`requestedVersion`). */
  readonly version: FrameworkVersion;
}

/**
 * Properties the host sets itself, in every version since 3.1; one of a config ends it with code 161
 * (dotnet/runtime, hostpolicy_context.cpp). Newer hosts set more.
 */
const propertiesOfHost: ReadonlySet<string> = new Set([
  'APP_CONTEXT_BASE_DIRECTORY',
  'APP_CONTEXT_DEPS_FILES',
  'FX_DEPS_FILE',
  'NATIVE_DLL_SEARCH_DIRECTORIES',
  'PLATFORM_RESOURCE_ROOTS',
  'PROBING_DIRECTORIES',
  'TRUSTED_PLATFORM_ASSEMBLIES',
]);

/** An app asks for two or three; every one is compared with every other. */
const frameworkCap = 64;

/** Bytes above which no runtimeconfig.json or deps.json is read. */
export const hostJsonCap = 16 << 20;

/**
 * The config at `path`. Of a `.dev.json` beside it the host reads the same first, as far as it can, and
 * adds to it what this one says.
 * @returns undefined when neither is there.
 * @throws ConvertError `RUNTIMECONFIG_INVALID`, see `parseRuntimeConfig`.
 */
export function readRuntimeConfig(files: Files, path: string): RuntimeConfig | undefined {
  const bytes = readWhole(files, path, hostJsonCap);
  const dev = readWhole(files, path.replace(/\.json$/, '.dev.json'), hostJsonCap);
  return bytes || dev ? parseRuntimeConfig(bytes, path, dev) : undefined;
}

/**
 * @param bytes undefined for a file that is not there, which leaves what `dev` says.
 * @param path where the file lies, for messages.
 * @throws ConvertError `RUNTIMECONFIG_INVALID` for what makes the host end with code 147 or 161, and for values
 * of wrong types, with which it dies, or takes them for what happens to be in its memory.
 */
export function parseRuntimeConfig(
  bytes: Uint8Array | undefined,
  path: string,
  dev?: Uint8Array,
): RuntimeConfig {
  const invalid: Invalid = (problem, cause) => {
    throw new ConvertError('RUNTIMECONFIG_INVALID', `reading ${path}: ${problem}`, {
      hint: 'publish the app again with `dotnet publish` and put the whole output into the image',
      cause,
    });
  };
  const reader = openReader(path, invalid);
  if (dev !== undefined) readAsFarAsPossible(() => reader.read(dev, true));
  if (bytes !== undefined) reader.read(bytes, false);
  const config = reader.config();
  const taken = [...config.properties.keys()].find((name) => propertiesOfHost.has(name));
  return taken === undefined
    ? config
    : invalid(`found the property ${taken}, which the host sets itself, wanted none of that name`);
}

function readAsFarAsPossible(read: () => void): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof ConvertError)) throw error;
  }
}

/** Keeps what it read before it failed, as the host does; hence the order in which it reads. */
function openReader(path: string, invalid: Invalid) {
  const frameworks: FrameworkRequest[] = [];
  const includedFrameworks: IncludedFramework[] = [];
  const properties = new Map<string, string>();
  const readChoice = openChoiceReader(invalid);
  let settings: RollForwardChoice = {};
  let tfm: string | undefined;
  let frameworkDependent = false;

  function read(bytes: Uint8Array, isDev: boolean): void {
    const document = objectOf(parseJson(bytes));
    const value = document?.get('runtimeOptions');
    if (value === null || (isDev && value === undefined)) return;
    readOptions(
      objectOf(value) ?? invalid('found no "runtimeOptions", wanted an object of that name'),
    );
  }

  function parseJson(bytes: Uint8Array): unknown {
    try {
      return parseHostJson(bytes);
    } catch (cause) {
      return invalid('found text that is no JSON, wanted a JSON object', cause);
    }
  }

  function readOptions(options: JsonObject): void {
    for (const [name, property] of propertiesOf(options)) properties.set(name, property);
    requireProbingPaths(options.get('additionalProbingPaths'));
    readChoice(options, (choice) => {
      settings = { ...settings, ...choice };
    });
    tfm = stringMember(options, 'tfm', invalid) ?? tfm;
    const single = options.get('framework');
    if (single !== undefined) {
      frameworkDependent = true;
      frameworks.push(requestOf(single));
    }
    for (const value of listOf(options, 'frameworks')) {
      frameworkDependent = true;
      add(requestOf(value), frameworks);
    }
    frameworkDependent ||= options.has('frameworks');
    if (frameworkDependent && options.has('includedFrameworks')) {
      invalid('found "includedFrameworks" beside "framework" or "frameworks", wanted one kind');
    }
    for (const value of listOf(options, 'includedFrameworks')) {
      add(nameAndVersion(value), includedFrameworks);
    }
  }

  function add<T extends { readonly name: string }>(framework: T, to: T[]): void {
    if (to.some(({ name }) => name === framework.name)) {
      invalid(`found the framework ${framework.name} twice, wanted it once`);
    }
    to.push(framework);
  }

  function listOf(options: JsonObject, name: string): readonly unknown[] {
    const value = options.get(name) ?? [];
    if (!Array.isArray(value)) {
      return invalid(`found ${shown(value)} as "${name}", wanted an array`);
    }
    return value.length > frameworkCap
      ? invalid(`found ${value.length} entries in "${name}", wanted at most ${frameworkCap}`)
      : value;
  }

  function nameAndVersion(value: unknown): { name: string; version: string } {
    const members = objectOf(value);
    const name = members?.get('name');
    const version = members?.get('version');
    return typeof name === 'string' && name !== '' && typeof version === 'string'
      ? { name, version }
      : invalid(`found ${shown(value)} as a framework, wanted a name and a version`);
  }

  function requestOf(value: unknown): FrameworkRequest {
    const { name, version } = nameAndVersion(value);
    let own = settings;
    readChoice(objectOf(value) ?? new Map(), (choice) => {
      own = { ...own, ...choice };
    });
    return { name, version: requestedVersion(version), ...own };
  }

  function propertiesOf(options: JsonObject): [string, string][] {
    const value = options.get('configProperties') ?? {};
    const members =
      objectOf(value) ?? invalid(`found ${shown(value)} as "configProperties", wanted an object`);
    return [...members].map(([name, property]) => [
      name,
      typeof property === 'string' ? property : JSON.stringify(property),
    ]);
  }

  function requireProbingPaths(value: unknown = []): void {
    const paths = Array.isArray(value) ? value : [value];
    const wrong = paths.find((path) => typeof path !== 'string');
    if (wrong !== undefined) {
      invalid(`found ${shown(wrong)} in "additionalProbingPaths", wanted paths`);
    }
  }

  const config = (): RuntimeConfig => ({
    path,
    ...(tfm !== undefined && { tfm }),
    frameworks,
    includedFrameworks,
    frameworkDependent,
    properties,
  });
  return { read, config };
}
