import { createIdentity } from './identity.ts';
import type { ImageWriter } from './image-writer.ts';
import type { OutputFile } from './output-file.ts';
import { openRaw } from './raw.ts';
import { formatFooter, kinds, nowhere } from './vhd-footer.ts';

/**
 * A fixed VHD: the bytes of the disk, and behind them a footer. `size` is a multiple of 1 MiB, as Azure wants it.
 * Runs of zeros become holes where the file system can.
 */
export function openVhd(file: OutputFile, size: number): ImageWriter {
  const raw = openRaw(file, size);
  const identity = createIdentity(size);
  return {
    async write(piece) {
      identity.add(piece);
      await raw.write(piece);
    },
    async finish() {
      await raw.finish();
      const fields = { size, kind: kinds.fixed, headerOffset: nowhere };
      file.write(formatFooter(fields, identity.uuid()), size);
    },
  };
}
