import { relative } from 'node:path';
import { inspectMarker, marker, writeMarker } from '../marker.ts';
import { quarantine } from './quarantine.ts';
import type { Run } from './run.ts';

/** `oci-layout`. That of a later version was refused when the store was opened. */
export async function verifyMarker({ parts, options, tell }: Run): Promise<void> {
  const { files, layout, prepare } = parts;
  const found = complaintOf(parts);
  if (found === undefined) return;
  const finding = {
    kind: 'marker',
    name: relative(layout.root, layout.marker),
    found,
    wanted: marker.trim(),
    severity: 'fault',
  } as const;
  if (!options.repair) {
    tell({ ...finding, done: 'none' });
    return;
  }
  const seen = files.stat(layout.marker);
  const moved = seen && (await quarantine(parts, layout.marker, seen));
  await prepare();
  if (files.stat(layout.marker) === undefined) await writeMarker(files, layout);
  tell({ ...finding, done: 'rebuilt', ...(moved !== undefined && { quarantined: [moved] }) });
}

/** A store that was not written to yet has no marker; its folder for drafts is made before that. */
function complaintOf({ files, layout }: Run['parts']): string | undefined {
  let state = inspectMarker(files, layout);
  if (state === 'missing') {
    const names = (files.list(layout.root) ?? []).map(({ name }) => name);
    if (names.every((name) => name === 'ingest')) return undefined;
    // It may have come after it was looked for, and all else then after that.
    state = inspectMarker(files, layout);
  }
  if (state === 'sound') return undefined;
  return state === 'missing' ? 'none' : state.found;
}
