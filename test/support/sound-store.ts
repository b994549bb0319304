import { Buffer } from 'node:buffer';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Descriptor } from '../../store/index.ts';
import { readTar, sha256Of } from './read-tar.ts';

/**
 * What is wrong with the store in `folder`, one line each: nothing in a sound one in which nobody is at
 * work. It looks at the files alone, as a stranger to the code that wrote them would. Blobs that came
 * in part are sound, for who continues them checks them; no other draft is. `packed`: images may be
 * there whose layers nobody has unpacked, as imported ones are.
 */
export function unsoundness(folder: string, { packed = false } = {}): readonly string[] {
  const blobs = join(folder, 'blobs', 'sha256');
  const layers = layersOf(folder);
  return [
    ...namesIn(blobs).flatMap((hex) => misnamed(join(blobs, hex), hex)),
    ...namesIn(layers).flatMap((hex) => unsoundLayer(join(layers, hex), hex)),
    ...missingOfNamed(folder, packed),
    ...leftovers(folder),
  ];
}

function layersOf(folder: string): string {
  return join(folder, 'layers', 'v2', 'sha256');
}

/** The blobs that came in part, with how many bytes of each there are, by their digests. */
export function partialsIn(folder: string): Readonly<Record<string, number>> {
  const partials = join(folder, 'ingest', 'partial', 'sha256');
  const sizes = namesIn(partials).map((hex) => [
    `sha256:${hex}`,
    statSync(join(partials, hex)).size,
  ]);
  return Object.fromEntries(sizes);
}

function namesIn(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder).sort() : [];
}

function misnamed(path: string, hex: string): readonly string[] {
  const found = sha256Of(readFileSync(path));
  return found === `sha256:${hex}` ? [] : [`${path}: its bytes are ${found}`];
}

/** A tar alone is one whose writer died before the index, which is the commit. */
function unsoundLayer(folder: string, hex: string): readonly string[] {
  const [tar, index] = [join(folder, 'tar'), join(folder, 'index')];
  if (!existsSync(tar)) return existsSync(index) ? [`${folder}: an index and no tar`] : [];
  const wrong = misnamed(tar, hex);
  if (!existsSync(index) || wrong.length > 0) return wrong;
  const bytes = readFileSync(tar);
  const entries: readonly unknown[] = JSON.parse(JSON.stringify(readTar(bytes)));
  const [head = '', ...lines] = readFileSync(index, 'utf8').split('\n');
  const body = lines.join('\n');
  const wanted = {
    version: 2,
    diffID: `sha256:${hex}`,
    size: bytes.length,
    count: entries.length,
    digest: sha256Of(Buffer.from(body)),
  };
  const agrees =
    isDeepStrictEqual(JSON.parse(head), wanted) && isDeepStrictEqual(JSON.parse(body), entries);
  return agrees ? [] : [`${folder}: the index does not tell what is in the tar`];
}

/** What the names in index.json lead to and the store does not have. */
function missingOfNamed(folder: string, packed: boolean): readonly string[] {
  const path = join(folder, 'index.json');
  if (!existsSync(path)) return [];
  const { manifests }: { manifests: readonly Descriptor[] } = JSON.parse(
    readFileSync(path, 'utf8'),
  );
  return manifests.flatMap((manifest) => missingBelow(folder, manifest, packed));
}

function missingBelow(folder: string, descriptor: Descriptor, packed: boolean): readonly string[] {
  const blob = (digest: string) => join(folder, 'blobs', ...digest.split(':'));
  const missing = ({ digest, size }: Descriptor) =>
    statSync(blob(digest), { throwIfNoEntry: false })?.size === size ? [] : [`no blob ${digest}`];
  const root = missing(descriptor);
  if (root.length > 0) return root;
  const read = ({ digest }: Descriptor) => JSON.parse(readFileSync(blob(digest), 'utf8'));
  const { config, layers }: { config: Descriptor; layers: readonly Descriptor[] } =
    read(descriptor);
  const below = [config, ...layers].flatMap(missing);
  if (below.length > 0 || packed) return below;
  const diffIDs: readonly string[] = read(config).rootfs?.diff_ids ?? [];
  return diffIDs
    .filter((id) => !existsSync(join(layersOf(folder), id.slice('sha256:'.length), 'index')))
    .map((id) => `no layer ${id}`);
}

/** Drafts that nobody can continue, and leases that nobody holds. */
function leftovers(folder: string): readonly string[] {
  const found = ['ingest', 'leases'].flatMap((part) => {
    const path = join(folder, part);
    if (!existsSync(path)) return [];
    return readdirSync(path, { recursive: true, withFileTypes: true })
      .filter((entry) => !entry.isDirectory())
      .map((entry) => relative(folder, join(entry.parentPath, entry.name)));
  });
  return found
    .filter((path) => !/^ingest\/partial\/sha256\/[0-9a-f]{64}$/.test(path))
    .map((path) => `left over: ${path}`);
}
