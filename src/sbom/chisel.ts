import { defaultLimits, inflate, StoreError } from '../../store/index.ts';
import type { Contents } from '../tree/contents.ts';
import { type Found, lookup } from '../tree/lookup.ts';
import type { Tree } from '../tree/tree.ts';
import type { Component } from './component.ts';
import { attemptToRead, bytesOf, Damaged, type Reading, unreadOf } from './damaged.ts';
import { componentOfPackage } from './distribution-package.ts';
import type { Distribution } from './os-release.ts';
import { linesOf } from './stanzas.ts';

const manifest = '/var/lib/chisel/manifest.wall';
const compressedCap = 16 << 20;
const textCap = 128 << 20;
const packageCap = 100_000;

/** Of which packages chisel cut slices (canonical/chisel, public/manifest): JSON lines under zstd. */
export async function readChisel(
  tree: Tree,
  contents: Contents,
  distribution: Distribution | undefined,
): Promise<Reading> {
  const found = lookup(tree, manifest);
  if (found === undefined) return [];
  let text: string;
  try {
    text = await inflated(contents, found);
  } catch (error) {
    return [unreadOf(found.path, error)];
  }
  return attemptToRead(found.path, () => packagesIn(text, distribution, found.path));
}

async function inflated(contents: Contents, found: Found): Promise<string> {
  const source = async function* () {
    yield bytesOf(contents, found, compressedCap);
  };
  const limits = { ...defaultLimits, layerSize: textCap };
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of inflate(source(), limits)) chunks.push(Buffer.from(chunk));
  } catch (error) {
    if (!(error instanceof StoreError) || error.code === 'STORE_CORRUPT') throw error;
    throw new Damaged('no zstd, or too much of it');
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Lines are sorted, so that the packages stand together; those of files, most by far, are not parsed. */
function* packagesIn(
  text: string,
  distribution: Distribution | undefined,
  path: string,
): Generator<Component, void> {
  if (!text.startsWith('{"jsonwall":"1.0"')) throw new Damaged('no jsonwall 1.0');
  let count = 0;
  for (const line of linesOf(text)) {
    if (!line.startsWith('{"kind":"package"')) continue;
    if (++count > packageCap) throw new Damaged(`more than ${packageCap} packages`);
    const { name, version, arch, sha256 }: Record<string, unknown> = JSON.parse(line);
    if (typeof name !== 'string' || typeof version !== 'string') {
      throw new Damaged('a package without name or version');
    }
    const hashed = typeof sha256 === 'string' && /^[0-9a-f]{64}$/.test(sha256);
    yield componentOfPackage(
      {
        kind: 'deb',
        name,
        version,
        architecture: typeof arch === 'string' ? arch : undefined,
        checksum: hashed ? { algorithm: 'SHA-256', value: sha256 } : undefined,
      },
      distribution,
      path,
    );
  }
}
