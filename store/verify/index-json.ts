import { relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Digest } from '../digest.ts';
import { writeFileWhole } from '../files/draft.ts';
import { documentCap, type Link } from '../graph/graph.ts';
import { withLock } from '../leases/lock.ts';
import { formatIndexBackup, readIndexBackup } from '../names/index-backup.ts';
import {
  emptyIndex,
  formatIndex,
  inspectIndexText,
  isOurs,
  nameOf,
  parseIndex,
  type StoreIndex,
  writeIndex,
} from '../names/refs.ts';
import type { StoreParts } from '../parts.ts';
import { linksIfSound, listBlobs } from './listing.ts';
import { quarantineAtGate } from './quarantine.ts';
import type { Run } from './run.ts';
import type { Finding } from './verify.ts';

/**
 * Milliseconds in which who writes both copies has come to the second, and who writes index.json
 * in its place, as other programs do, to its end.
 */
const pause = 200;

/** `index.json` and its second copy: the names. */
export async function verifyIndex(run: Run): Promise<void> {
  const { parts, options, tell } = run;
  let verdict = await inspectIndex(parts);
  if (verdict.mayPass) {
    await delay(pause, undefined, { signal: options.signal });
    verdict = await inspectIndex(parts);
  }
  const { finding, index, wrong } = verdict;
  run.names = index.manifests.filter(isOurs).map((descriptor) => ({
    name: nameOf(descriptor) ?? '',
    descriptor,
  }));
  run.checked.names = run.names.length;
  if (finding === undefined) return;
  if (options.repair) {
    const quarantined = await mend(parts);
    tell({ ...finding, ...(quarantined.length > 0 && { quarantined }) });
  } else {
    tell({ ...finding, severity: finding.severity === 'note' ? 'note' : 'fault', done: 'none' });
  }
  if (wrong === 'names') await tellNameless(run);
}

interface Verdict {
  /** As it is when mended. */
  readonly finding?: Omit<Finding, 'step'>;
  /** What is wrong: index.json, its copy, or both, so that names are lost. */
  readonly wrong?: 'index' | 'copy' | 'names';
  /** True for what someone who is at work leaves when he comes to his end. */
  readonly mayPass?: boolean;
  /** The names as far as they are known. */
  readonly index: StoreIndex;
  /** What both shall say. */
  readonly text: Uint8Array;
}

/** What the two copies say, and what is wrong with them. */
export async function inspectIndex(parts: StoreParts): Promise<Verdict> {
  const { files, layout } = parts;
  const name = relative(layout.root, layout.index);
  const copy = relative(layout.root, layout.indexBackup);
  const bytes = files.readWhole(layout.index);
  const index = bytes === undefined ? 'none' : await inspectIndexText(bytes);
  const backup = readIndexBackup(files, layout);

  if (bytes !== undefined && typeof index !== 'string') {
    const copyIs = (severity: 'note' | 'fault', found: string): Verdict => ({
      finding: {
        kind: 'index',
        name: copy,
        found,
        wanted: `a copy of ${name}`,
        severity,
        done: 'rebuilt',
      },
      wrong: 'copy',
      mayPass: severity === 'note',
      index,
      text: bytes,
    });
    if (backup.state === 'missing') return copyIs('note', 'none');
    if (backup.state === 'damaged') return copyIs('fault', 'bytes with another digest');
    if (isEqual(backup.text, bytes)) return { index, text: bytes };
    if (!differInOneBit(backup.text, bytes)) {
      return copyIs('note', 'what it was before another program wrote it');
    }
  }
  if (backup.state === 'sound') {
    return {
      finding: {
        kind: 'index',
        name,
        found: typeof index === 'string' ? index : 'a text of which one bit changed',
        wanted: 'what was written',
        severity: 'fault',
        done: 'restored',
      },
      wrong: 'index',
      mayPass: typeof index === 'string',
      index: await parseIndex(backup.text, copy),
      text: backup.text,
    };
  }
  const nothing = { index: emptyIndex, text: formatIndex(emptyIndex) };
  const isNew = bytes === undefined && backup.state === 'missing';
  // A store whose making was cut short has no names yet.
  if (isNew && listBlobs(files, layout).length === 0) return nothing;
  return {
    finding: {
      kind: 'index',
      name,
      found: `${index}, and its copy ${backup.state}`,
      wanted: 'names',
      severity: 'loss',
      done: 'rebuilt',
    },
    wrong: 'names',
    mayPass: true,
    ...nothing,
  };
}

/** Looks again while nobody writes names; returns where the damaged files are now. */
async function mend(parts: StoreParts): Promise<readonly string[]> {
  const { files, layout, prepare } = parts;
  const quarantined: string[] = [];
  const moveAway = async (path: string): Promise<void> => {
    const seen = files.stat(path);
    const moved = seen && (await quarantineAtGate(parts, path, seen));
    if (moved !== undefined) quarantined.push(moved);
  };
  await prepare();
  const lookAndMend = async (): Promise<void> => {
    const { wrong, finding, text } = await inspectIndex(parts);
    if (wrong === undefined) return;
    if (wrong !== 'copy') await moveAway(layout.index);
    if (wrong === 'copy') {
      if (finding?.severity === 'fault') await moveAway(layout.indexBackup);
      await writeFileWhole(files, layout.ingest, layout.indexBackup, formatIndexBackup(text));
      return;
    }
    if (wrong === 'names') await moveAway(layout.indexBackup);
    await writeIndex(files, layout, text);
  };
  await withLock(files, layout.gate, () => withLock(files, layout.indexLock, lookAndMend));
  return quarantined;
}

/** The manifests that nothing leads to: where all names are lost, these had them. */
async function tellNameless({ parts, next, tell }: Run): Promise<void> {
  const { files, layout } = parts;
  const documents = new Map<Digest, readonly Link[]>();
  for (const digest of listBlobs(files, layout)) {
    await next();
    const size = files.stat(layout.blob(digest))?.size ?? 0;
    const links = size > documentCap ? undefined : linksIfSound(parts, digest);
    if (links?.some(({ role }) => role === 'manifest' || role === 'config')) {
      documents.set(digest, links);
    }
  }
  const listed = new Set([...documents.values()].flat().map(({ digest }) => digest));
  for (const digest of documents.keys()) {
    if (listed.has(digest)) continue;
    tell({
      kind: 'blob',
      name: digest,
      found: 'a manifest without a name',
      wanted: 'the name it had',
      severity: 'note',
      done: 'none',
    });
  }
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

/** No program writes one bit: where so much differs, the disk did it. */
function differInOneBit(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  const changes = [...a].map((byte, at) => byte ^ (b[at] ?? 0)).filter((change) => change !== 0);
  const [change = 0, ...more] = changes;
  return more.length === 0 && (change & (change - 1)) === 0;
}
