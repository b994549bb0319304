import { join } from 'node:path';
import { digestFromHex } from '../digest.ts';
import type { FileKind } from '../files/files.ts';
import { layersVersion } from '../layout.ts';
import { isLocked } from '../leases/lock.ts';
import { draftLifeOf } from '../leases/sweep.ts';
import { note } from './note.ts';
import type { Run } from './run.ts';

/**
 * What nobody reads: files of no known kind, what the dead left half-written, layers of other
 * versions, what was found damaged. None of it is wrong; `gc` removes what is the store's.
 */
export async function tellStrays(run: Run): Promise<void> {
  const { layout } = run.parts;
  const { root } = layout;
  const known = ['oci-layout', 'index.json', 'index.backup.json'];
  const folders = ['blobs', 'ingest', 'leases', 'quarantine', 'layers'];
  tellOthers(run, root, (name, kind) =>
    kind === 'folder' ? folders.includes(name) : known.includes(name),
  );
  // Blobs of other kinds of digests are other programs' (image-layout.md, "Blobs").
  tellOthers(run, join(root, 'blobs'), (_, kind) => kind === 'folder');
  tellOthers(run, layout.blobs, (name, kind) => kind === 'file' && isDigestName(name));
  tellOthers(run, layout.leases, (name, kind) =>
    kind === 'symlink' ? /\.lock(\.|$)/.test(name) : name.endsWith('.lease'),
  );
  tellLayers(run);
  await tellDrafts(run);
  tellQuarantine(run);
}

/** Notes of what is in a folder and `isOurs` does not know. */
function tellOthers(
  run: Run,
  folder: string,
  isOurs: (name: string, kind: FileKind) => boolean,
): void {
  for (const { name, kind } of run.parts.files.list(folder) ?? []) {
    if (!isOurs(name, kind)) note(run, join(folder, name), 'nothing of the store', 'nothing here');
  }
}

function tellLayers(run: Run): void {
  const { files, layout } = run.parts;
  for (const { name } of files.list(layout.layers) ?? []) {
    if (name === layersVersion) continue;
    note(run, join(layout.layers, name), 'layers of another version', layersVersion);
  }
  tellOthers(run, join(layout.layers, layersVersion), (name) => name === 'sha256');
  tellOthers(run, layout.ownLayers, (name, kind) => kind === 'folder' && isDigestName(name));
  for (const { name, kind } of files.list(layout.ownLayers) ?? []) {
    if (kind !== 'folder') continue;
    const folder = join(layout.ownLayers, name);
    tellOthers(run, folder, (name) => name === 'tar' || name === 'index');
    if (files.list(folder)?.length === 0) note(run, folder, 'an empty folder', 'a layer');
  }
}

async function tellDrafts(run: Run): Promise<void> {
  const { files, layout } = run.parts;
  for (const { name, kind } of files.list(layout.ingest) ?? []) {
    if (kind === 'folder') continue;
    // One whose writer lives is under way.
    if ((await draftLifeOf(name)) === undefined) continue;
    note(run, join(layout.ingest, name), 'a draft whose writer is gone', 'drafts of the living');
  }
  for (const { name } of files.list(layout.partials) ?? []) {
    const path = join(layout.partials, name);
    const digest = digestFromHex(name);
    if (digest !== undefined && (await isLocked(files, layout.lease('blob', digest)))) continue;
    const size = files.stat(path)?.size ?? 0;
    note(run, path, `${size} bytes of a blob`, 'all of it; the next transfer goes on from there');
  }
}

function tellQuarantine(run: Run): void {
  const { files, layout } = run.parts;
  const found = files.list(layout.quarantine) ?? [];
  if (found.length === 0) return;
  const size = found.reduce(
    (sum, { name }) => sum + (files.stat(join(layout.quarantine, name))?.size ?? 0),
    0,
  );
  note(run, layout.quarantine, `damaged files: ${found.length}, of ${size} bytes`, 'none');
}

function isDigestName(name: string): boolean {
  return digestFromHex(name) !== undefined;
}
