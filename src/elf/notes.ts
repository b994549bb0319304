import type { SyncAccess } from '../tree/access.ts';
import { type BrokenElf, type Elf, segmentTypes } from './elf.ts';
import { brokenOr, bytesAt, damaged, fieldsOf } from './fields.ts';

const noteBytesCap = 1 << 20;

/** An entry of a PT_NOTE segment (System V gABI, chapter 5, "Note Section"). */
export interface Note {
  readonly name: string;
  readonly type: number;
  readonly description: Uint8Array;
}

/** Every note of `elf`, in file order: build id, ABI tag, the PVH entry of a kernel. */
export function readNotes(access: SyncAccess, elf: Elf): readonly Note[] | BrokenElf {
  return brokenOr(() =>
    elf.segments
      .filter(({ type }) => type === segmentTypes.note)
      .flatMap(({ offset, fileSize, align }) => {
        if (fileSize > noteBytesCap) {
          damaged(`notes of ${fileSize} bytes, at most ${noteBytesCap} are read`);
        }
        return notesIn(bytesAt(access, offset, fileSize, 'notes'), elf, align === 8 ? 8 : 4);
      }),
  );
}

function notesIn(bytes: Uint8Array, elf: Elf, align: 4 | 8): readonly Note[] {
  const padded = (length: number): number => Math.ceil(length / align) * align;
  const fields = fieldsOf(bytes, elf);
  const notes: Note[] = [];
  for (let start = 0; start + 12 <= bytes.length; ) {
    const nameSize = fields.u32(start);
    const descriptionAt = start + padded(12 + nameSize);
    const end = descriptionAt + fields.u32(start + 4);
    if (end > bytes.length) {
      damaged(`a note that ends at ${end} of ${bytes.length} bytes`);
    }
    notes.push({
      name: new TextDecoder()
        .decode(bytes.subarray(start + 12, start + 12 + nameSize))
        .replace(/\0.*$/su, ''),
      type: fields.u32(start + 8),
      description: bytes.subarray(descriptionAt, end),
    });
    start += padded(end - start);
  }
  return notes;
}
