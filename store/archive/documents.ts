import { Buffer } from 'node:buffer';
import type { Descriptor } from '../descriptor.ts';
import { StoreError } from '../error.ts';
import { isOurs, parseIndex } from '../names/refs.ts';
import type { TarFile } from '../tar/files.ts';

/** The two files of an archive that are no blobs: what it is, and what it names. */
export interface ArchiveDocuments {
  /** Keeps the file if it is one of them. */
  take(file: TarFile): Promise<void>;
  /**
   * The entries of `index.json` that have names, once all of the archive has gone by.
   * @throws StoreError `ARCHIVE_INVALID`.
   */
  entries(): Promise<readonly Descriptor[]>;
}

/** In bytes: they are read whole. */
const cap = 32 * 2 ** 20;

const paths: readonly string[] = ['oci-layout', 'index.json'];

export function isArchiveDocument(path: string): boolean {
  return paths.includes(path);
}

export function createArchiveDocuments(): ArchiveDocuments {
  const found = new Map<string, Buffer>();
  return {
    async take(file) {
      if (!isArchiveDocument(file.path)) return;
      const bytes = await readWhole(file);
      // Of two files of one name, some readers take the first, and some the last.
      if (!(found.get(file.path)?.equals(bytes) ?? true)) {
        throw invalidArchive(`two different files ${file.path}`, 'one');
      }
      found.set(file.path, bytes);
    },
    async entries() {
      const [marker, index] = paths.map((path) => found.get(path));
      if (marker === undefined || index === undefined) {
        const lack = marker === undefined ? 'no oci-layout file' : 'no index.json';
        throw invalidArchive(lack, 'an OCI image layout', 'osv-convert load FILE');
      }
      checkVersion(marker);
      const { manifests } = await parseIndex(index, 'its index.json').catch((error: unknown) => {
        throw archiveError(error);
      });
      const named = manifests.filter(isOurs);
      if (named.length > 0 || manifests.length === 0) return named;
      throw invalidArchive('images without names', 'names', 'osv-convert load FILE');
    },
  };
}

async function readWhole({ path, size, bytes }: TarFile): Promise<Buffer> {
  if (size > cap) throw invalidArchive(`${path} of ${size} bytes`, `at most ${cap}`);
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

function checkVersion(marker: Buffer): void {
  let version: unknown;
  try {
    const value: unknown = JSON.parse(marker.toString('utf8'));
    version = value instanceof Object ? Reflect.get(value, 'imageLayoutVersion') : undefined;
  } catch {
    version = undefined;
  }
  if (version === '1.0.0') return;
  const found = JSON.stringify(version)?.slice(0, 80) ?? 'none';
  throw invalidArchive(`imageLayoutVersion ${found}`, '"1.0.0"');
}

export function invalidArchive(found: string, wanted: string, hint?: string): StoreError {
  return new StoreError(
    'ARCHIVE_INVALID',
    `importing an archive: found ${found}, wanted ${wanted}`,
    hint === undefined ? {} : { hint },
  );
}

/** What readers of layers and stores say, of an archive. */
export function archiveError(error: unknown): unknown {
  if (!(error instanceof StoreError)) return error;
  if (error.code !== 'LAYER_CORRUPT' && error.code !== 'STORE_CORRUPT') return error;
  return new StoreError('ARCHIVE_INVALID', `importing an archive: ${error.message}`, {
    cause: error,
  });
}
