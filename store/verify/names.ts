import type { Descriptor } from '../descriptor.ts';
import type { Ref } from '../names/contract.ts';
import { nameOf, updateIndex } from '../names/refs.ts';
import { ensureBlob } from './mend.ts';
import type { Run } from './run.ts';

/**
 * Every name whole: what its documents say it has is there. Platforms that only an index lists need
 * not be. A name whose manifest nobody can give any more is dropped, and nothing else is.
 */
export async function verifyNames(run: Run): Promise<void> {
  const { parts, options, survey } = run;
  const { files, layout } = parts;
  for (const [digest, { needed }] of survey.wanted) {
    await run.next();
    if (needed && files.stat(layout.blob(digest)) === undefined) await ensureBlob(run, digest);
  }
  if (!options.repair) return;
  const lost = run.names.filter(({ descriptor }) => run.givenUp.has(descriptor.digest));
  if (lost.length > 0) await drop(run, lost);
}

async function drop({ parts, tell }: Run, lost: readonly Ref[]): Promise<void> {
  const { files, layout } = parts;
  const keyOf = (name: string, digest: string) => `${digest} ${name}`;
  const keys = new Set(lost.map(({ name, descriptor }) => keyOf(name, descriptor.digest)));
  const dropped = new Set<string>();
  await updateIndex(parts, (index) => {
    const isLost = (entry: Descriptor): boolean => {
      const key = keyOf(nameOf(entry) ?? '', entry.digest);
      // Another process may have brought it in meanwhile, or given the name to another image.
      const isGone = keys.has(key) && files.stat(layout.blob(entry.digest)) === undefined;
      if (isGone) dropped.add(key);
      return isGone;
    };
    return { ...index, manifests: index.manifests.filter((entry) => !isLost(entry)) };
  });
  for (const { name, descriptor } of lost) {
    if (!dropped.has(keyOf(name, descriptor.digest))) continue;
    tell({
      kind: 'name',
      name,
      found: `the manifest ${descriptor.digest} lost`,
      wanted: 'its bytes',
      severity: 'loss',
      done: 'dropped',
    });
  }
}
