import { Buffer } from 'node:buffer';
import { setImmediate as turn } from 'node:timers/promises';
import type { DiffID } from '../digest.ts';
import { makeFolder, vanished, withDraft } from '../files/draft.ts';
import type { Files } from '../files/files.ts';
import type { Layout } from '../layout.ts';
import type { StoreParts } from '../parts.ts';

/** The uncompressed tar is a blob too, so that other tools can read an image that has it. */
export async function shareAsBlob(
  { files, layout }: Pick<StoreParts, 'files' | 'layout'>,
  diffID: DiffID,
): Promise<void> {
  const { tar } = layout.layer(diffID);
  const blob = layout.blob(diffID);
  await makeFolder(files, layout.blobs);
  if (files.link(tar, blob) === 'refused') await copyAsBlob(files, layout, tar, blob);
  await files.flushFolder(layout.blobs);
}

async function copyAsBlob(
  files: Files,
  { ingest }: Layout,
  tar: string,
  blob: string,
): Promise<void> {
  await withDraft(files, ingest, async (draft) => {
    const file = files.open(tar);
    if (file === undefined) throw vanished(tar);
    try {
      const buffer = Buffer.allocUnsafe(2 ** 20);
      for (let at = 0; ; ) {
        const count = file.read(buffer, at);
        if (count === 0) break;
        draft.write(buffer.subarray(0, count));
        at += count;
        await turn();
      }
    } finally {
      file.close();
    }
    await draft.commit(blob);
  });
}
