import { constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Digest, hexOf } from '../../../store/index.ts';
import { ConvertError } from '../../error.ts';
import { decodeJson, documentCap } from '../../oci/json.ts';
import { fileError, readFrom, readRange, requireSize } from './file.ts';
import type { Images } from './images.ts';
import { readIndexJson } from './index-json.ts';

/**
 * The images of an OCI image layout in the folder `path`. Blob files are looked up by digests that
 * were parsed, never by a name that the layout chose; a link among them is read as the file it
 * leads to, since build tools make such layouts and the digest is checked whatever it leads to.
 * @throws ConvertError `IMAGE_NOT_FOUND` when there is no layout, `MANIFEST_INVALID`.
 */
export async function openLayout(path: string): Promise<Images> {
  const where = `the layout ${path}`;
  checkMarker(await readWhole(join(path, 'oci-layout'), where), where);
  const { list, referrers } = await readIndexJson(await readWhole(join(path, 'index.json'), where));
  const blob = (digest: Digest) => join(path, 'blobs', 'sha256', hexOf(digest));

  return {
    where,
    location: `oci:${path}`,
    list,
    referrers,
    async *fetch({ digest, size }, { offset = 0, signal } = {}) {
      const action = `reading ${digest} of ${where}`;
      const handle = await openFile(blob(digest), action);
      try {
        requireSize((await handle.stat()).size, size, action);
        yield* readRange(handle, { from: offset, to: size, action, signal });
      } finally {
        await handle.close();
      }
    },
    async size(digest) {
      const found = await stat(blob(digest)).catch(() => undefined);
      return found?.isFile() ? found.size : undefined;
    },
    close: async () => undefined,
  };
}

/** The file `oci-layout`. @throws ConvertError `MANIFEST_INVALID`, `IMAGE_UNSUPPORTED`. */
export function checkMarker(bytes: Uint8Array, where: string): void {
  const version = decodeJson(bytes, `oci-layout of ${where}`, 'MANIFEST_INVALID')[
    'imageLayoutVersion'
  ];
  if (version !== '1.0.0') {
    const found = JSON.stringify(version)?.slice(0, 80);
    throw new ConvertError(
      'IMAGE_UNSUPPORTED',
      `opening ${where}: found imageLayoutVersion ${found}, wanted "1.0.0"`,
    );
  }
}

async function readWhole(path: string, where: string): Promise<Uint8Array> {
  const action = `reading ${path}`;
  const handle = await openFile(path, `opening ${where}`);
  try {
    const { size } = await handle.stat();
    if (size > documentCap) {
      throw new ConvertError(
        'MANIFEST_INVALID',
        `${action}: found ${size} bytes, wanted at most ${documentCap}`,
      );
    }
    return await readFrom(handle, 0, size, action);
  } finally {
    await handle.close();
  }
}

/** Not to wait for ever at a pipe that lies in the place of a file. */
async function openFile(path: string, action: string): Promise<FileHandle> {
  try {
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    if ((await handle.stat()).isFile()) return handle;
    await handle.close();
  } catch (cause) {
    throw fileError(action, path, cause);
  }
  throw new ConvertError('IMAGE_NOT_FOUND', `${action}: found no file at ${path}, wanted one`);
}
