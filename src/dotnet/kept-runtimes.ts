import type { Digest, Store } from '../../store/index.ts';
import { ConvertError } from '../error.ts';
import { documentCap } from '../oci/json.ts';
import { parseManifest } from '../oci/manifest.ts';
import { baseFramework } from './installed.ts';
import { formatKeptRuntime, type KeptContent, parseKeptRuntime } from './kept-manifest.ts';
import { getKeptRef, type KeptRef, listKeptRefs, parseKeptName, setKeptRef } from './kept-refs.ts';
import { compareVersions, type FrameworkVersion, parseVersion } from './version.ts';

/** A .NET runtime in the store, with the native libraries it needs. */
export interface KeptRuntime extends KeptContent {
  /** As `--runtime` takes it: `runtime/NAME`. */
  readonly name: string;
  /** Of the manifest: with it the same runtime is meant on every machine. */
  readonly digest: Digest;
}

/** In the order of their names. @throws ConvertError `MANIFEST_INVALID`; what the store throws. */
export async function listKeptRuntimes(store: Store): Promise<readonly KeptRuntime[]> {
  const listed: KeptRuntime[] = [];
  for (const ref of await listKeptRefs(store)) listed.push(await readKept(store, ref));
  return listed;
}

/**
 * In the order in which apps are to try them: a newer patch before an older one, as .NET rolls forward
 * to it, but a lower major or minor version before a higher one, which it takes only when told to.
 */
export function inOrderOfUse(runtimes: readonly KeptRuntime[]): readonly KeptRuntime[] {
  return runtimes
    .flatMap((runtime) => {
      const version = newestBase(runtime);
      return version === undefined ? [] : [{ runtime, version }];
    })
    .sort(
      ({ version: a }, { version: b }) =>
        a.major - b.major || a.minor - b.minor || compareVersions(b, a),
    )
    .map(({ runtime }) => runtime);
}

function newestBase({ frameworks }: KeptRuntime): FrameworkVersion | undefined {
  return frameworks
    .filter(({ name }) => name === baseFramework)
    .flatMap(({ version }) => parseVersion(version) ?? [])
    .sort(compareVersions)
    .at(-1);
}

/**
 * Gives a packed runtime a name. The same layer under the same name again changes nothing, wherever it
 * was taken from this time.
 * @throws ConvertError `USAGE` for a name that cannot be, or that another runtime has.
 */
export async function nameRuntime(
  store: Store,
  text: string,
  content: KeptContent,
): Promise<KeptRuntime> {
  const name = parseKeptName(text);
  const ref = await getKeptRef(store, name);
  const known = ref && (await readKept(store, ref));
  if (known?.layer === content.layer) return known;
  if (known !== undefined) throw taken(known);
  const { config, manifest } = formatKeptRuntime(content);
  await store.blobs.put(config);
  const digest = await store.blobs.put(manifest);
  const { architecture } = content;
  await setKeptRef(store, { name, architecture, digest, size: manifest.length });
  return { ...content, name, digest };
}

/** @throws ConvertError `RUNTIME_NOT_FOUND`. Its layer stays until garbage is collected. */
export async function removeRuntime(store: Store, text: string): Promise<string> {
  const name = parseKeptName(text);
  const isKept = (await getKeptRef(store, name)) !== undefined;
  if (!isKept || !(await store.refs.delete(name)))
    throw await noSuchRuntime(store, 'removing', name, 'osv-convert runtime ls');
  return name;
}

/** What to say where there is no kept runtime of that name. */
export async function noSuchRuntime(
  store: Store,
  action: string,
  name: string,
  hint?: string,
): Promise<ConvertError> {
  const names = (await listKeptRefs(store)).map((ref) => ref.name);
  const found = names.length === 0 ? 'none kept in the store' : names.join(', ');
  return new ConvertError(
    'RUNTIME_NOT_FOUND',
    `${action} a runtime: found ${found}, wanted ${name}`,
    {
      hint: hint ?? `osv-convert runtime ${names.length === 0 ? 'add host' : 'ls'}`,
    },
  );
}

async function readKept(store: Store, { name, digest }: KeptRef): Promise<KeptRuntime> {
  const manifest = await parseManifest(await store.blobs.read(digest, documentCap));
  return { ...parseKeptRuntime(name, manifest), name, digest };
}

function taken({ name, frameworks, digest, origin }: KeptRuntime): ConvertError {
  const versions = frameworks.map((one) => `${one.name} ${one.version}`).join(', ');
  return new ConvertError(
    'USAGE',
    `naming a runtime ${name}: found another of that name (${versions}, from ${origin}, ${digest}), wanted a free name`,
    { hint: `give another with --name, or first: osv-convert runtime rm ${name}` },
  );
}
