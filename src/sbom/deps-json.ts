import { type JsonObject, objectOf, parseHostJson } from '../dotnet/json.ts';
import type { Checksum, Component } from './component.ts';
import { Damaged } from './damaged.ts';
import { formatPurl } from './purl.ts';

const libraryCap = 20_000;
const textCap = 1000;
/** Names of things a library depends on, over a whole file. */
const edgeCap = 200_000;

/** The SDK puts it before the names of packages whose files a self-contained app brings. */
const runtimePackPrefix = 'runtimepack.';

/** A library as it stands in a deps.json. */
interface Library {
  /** `NAME/VERSION`, the key of it. */
  readonly key: string;
  readonly type: string;
  readonly name: string;
  readonly version: string;
  readonly sha512: string;
}

/**
 * The libraries of a deps.json (DOTNET.md 2.7; dotnet/sdk, documentation/specs/runtime-configuration-file.md):
 * packages with their purls, the packs of a runtime, and projects and assemblies, which are of no registry.
 * Reference assemblies are not there at run time, and left out. In a shared framework's own the library is
 * the framework: `shared/NAME/VERSION` tells its version.
 * @param path of the file in the image.
 * @throws Damaged, SyntaxError, TypeError.
 */
export function readDepsJson(bytes: Uint8Array, path: string): readonly Component[] {
  const document = objectOf(parseHostJson(bytes));
  const libraries = objectOf(document?.get('libraries'));
  if (document === undefined || libraries === undefined) throw new Damaged('no libraries');
  if (libraries.size > libraryCap) throw new Damaged(`more than ${libraryCap} libraries`);
  const target = targetOf(document);
  const framework = frameworkOf(path);
  const found = [...libraries].flatMap(([key, value]) => {
    const library = libraryOf(key, value);
    return library === undefined
      ? []
      : [{ library, component: componentOf(library, path, framework) }];
  });
  const refs = new Map(
    found.flatMap(({ library, component }) => [
      [library.name.toLowerCase(), component.ref],
      [`${runtimePackPrefix}${library.name}`.toLowerCase(), component.ref],
    ]),
  );
  let edges = 0;
  return found.map(({ library, component }) => {
    const entry = objectOf(target?.get(library.key));
    const names = [...(objectOf(entry?.get('dependencies')) ?? new Map()).keys()];
    edges += names.length;
    if (edges > edgeCap) throw new Damaged(`more than ${edgeCap} dependencies`);
    const dependsOn = names
      .flatMap((name) => refs.get(name.toLowerCase()) ?? [])
      .filter((ref) => ref !== component.ref);
    return {
      ...component,
      dependsOn: [...new Set(dependsOn)].sort(),
      ...(entry !== undefined && hasNoAssets(entry) && { empty: true }),
    };
  });
}

/** The libraries of the target that the app is run for. */
function targetOf(document: JsonObject): JsonObject | undefined {
  const told = document.get('runtimeTarget');
  const name = objectOf(told)?.get('name') ?? told;
  const targets = objectOf(document.get('targets'));
  return typeof name === 'string' ? objectOf(targets?.get(name)) : undefined;
}

function libraryOf(key: string, value: unknown): Library | undefined {
  const members = objectOf(value);
  const slash = key.indexOf('/');
  const [type, sha512] = [members?.get('type'), members?.get('sha512')];
  if (slash <= 0 || key.length > textCap || typeof type !== 'string') {
    throw new Damaged(`the library ${JSON.stringify(key.slice(0, 80))} without version or type`);
  }
  const kind = type.toLowerCase();
  if (!['package', 'runtimepack', 'project', 'msbuildproject', 'reference'].includes(kind)) {
    return undefined;
  }
  const given = key.slice(0, slash);
  return {
    key,
    type: kind,
    name: kind === 'runtimepack' ? withoutPrefix(given) : given,
    version: key.slice(slash + 1),
    sha512: typeof sha512 === 'string' ? sha512 : '',
  };
}

function withoutPrefix(name: string): string {
  return name.startsWith(runtimePackPrefix) ? name.slice(runtimePackPrefix.length) : name;
}

interface Framework {
  readonly name: string;
  readonly version: string;
}

/** Of the deps.json of a shared framework. */
function frameworkOf(path: string): Framework | undefined {
  const [, name, version, file] =
    /\/shared\/([^/]+)\/([^/]+)\/([^/]+)\.deps\.json$/.exec(path) ?? [];
  return name !== undefined && version !== undefined && file === name
    ? { name, version }
    : undefined;
}

function componentOf(library: Library, path: string, framework: Framework | undefined): Component {
  const { type, name } = library;
  const isFramework =
    framework !== undefined &&
    (name === framework.name || name.startsWith(`${framework.name}.Runtime.`));
  // Until .NET 5 the library has the version of the build in place of the release.
  const version = isFramework ? framework.version : library.version;
  const common = { name, version, foundIn: [path], dependsOn: [] };
  if (type !== 'package' && type !== 'runtimepack') {
    const isApp = /[^/!]*$/.exec(path)?.[0] === `${name}.deps.json`;
    const kind = isApp ? 'application' : 'assembly';
    return { ...common, ref: `${path}#${name}@${version}`, kind };
  }
  const purl = formatPurl({ type: 'nuget', name, version });
  const kind = isFramework || type === 'runtimepack' ? 'framework' : 'nuget';
  const checksum = checksumOf(library.sha512);
  return { ...common, ref: purl, kind, purl, ...(checksum && { checksum }) };
}

/** `sha512-` and base64, of the package's file; empty for what was not restored from one. */
function checksumOf(text: string): Checksum | undefined {
  const base64 = /^sha512-([A-Za-z0-9+/]{86}==)$/.exec(text)?.[1];
  return base64 === undefined
    ? undefined
    : { algorithm: 'SHA-512', value: Buffer.from(base64, 'base64').toString('hex') };
}

const assetGroups = ['runtime', 'native', 'resources', 'runtimeTargets'];

/** A package that only leads to others, or whose files are the framework's. */
function hasNoAssets(entry: JsonObject): boolean {
  return assetGroups.every((group) =>
    [...(objectOf(entry.get(group)) ?? new Map()).keys()].every((name) => name.endsWith('/_._')),
  );
}
