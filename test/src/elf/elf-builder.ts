/** A small ELF64 file: one writable segment that holds everything. */
export interface ElfParts {
  readonly machine?: number;
  readonly type?: number;
  readonly needed?: readonly string[];
  readonly soname?: string;
  readonly runpath?: string;
  readonly interpreter?: string;
  readonly tls?: {
    readonly memorySize: number;
    readonly align: number;
    readonly address?: number;
    readonly fileSize?: number;
  };
  /** Types of relocations in DT_RELA and, `gap` bytes behind them, in DT_JMPREL; the addends count them. */
  readonly relocations?: {
    readonly table?: readonly number[];
    readonly jumps?: readonly number[];
    readonly gap?: number;
  };
  readonly symbols?: readonly { readonly name: string; readonly defined: boolean }[];
  readonly sections?: readonly string[];
  readonly note?: {
    readonly name: string;
    readonly type: number;
    readonly description: Uint8Array;
  };
  readonly data?: Uint8Array;
}

export function buildElf(parts: ElfParts = {}): Uint8Array {
  const strings = stringTable();
  const sectionNames = stringTable();
  const symbols = parts.symbols ?? [];
  const symbolTable = Buffer.alloc(24 * (symbols.length + 1));
  for (const [index, { name, defined }] of symbols.entries()) {
    const at = 24 * (index + 1);
    symbolTable.writeUInt32LE(strings.add(name), at);
    symbolTable.writeUInt8(0x12, at + 4);
    symbolTable.writeUInt16LE(defined ? 1 : 0, at + 6);
  }
  const tags: [number, number | Place][] = [
    ...(parts.needed ?? []).map((name): [number, number] => [1, strings.add(name)]),
    ...(parts.soname === undefined ? [] : [[14, strings.add(parts.soname)] as [number, number]]),
    ...(parts.runpath === undefined ? [] : [[29, strings.add(parts.runpath)] as [number, number]]),
    ...relocationTags(parts),
    [5, 'strings'],
    [10, 'size'],
    [6, 'symbols'],
    [4, 'hash'],
    [0, 0],
  ];
  const hash = Buffer.alloc(8);
  hash.writeUInt32LE(symbols.length + 1, 4);
  const interpreter = Buffer.from(`${parts.interpreter ?? ''}\0`);
  const note = parts.note ? noteBytes(parts.note) : Buffer.alloc(0);
  const names = ['', ...(parts.sections ?? []), '.shstrtab'];
  const nameOffsets = names.map((name) => sectionNames.add(name));

  const chunks: Buffer[] = [];
  let position = 64 + 5 * 56;
  const place = (bytes: Uint8Array): number => {
    const at = position;
    chunks.push(Buffer.from(bytes), Buffer.alloc((8 - (bytes.length % 8)) % 8));
    position += Math.ceil(bytes.length / 8) * 8;
    return at;
  };
  const stringsAt = place(strings.bytes());
  const symbolsAt = place(symbolTable);
  const hashAt = place(hash);
  const interpreterAt = place(interpreter);
  const noteAt = place(note);
  const { table = [], jumps = [], gap = 0 } = parts.relocations ?? {};
  const tableAt = place(relocationBytes(table, 0));
  place(Buffer.alloc(gap));
  const jumpsAt = place(relocationBytes(jumps, table.length));
  const dynamic = Buffer.alloc(16 * tags.length);
  const values: Record<Place, number> = {
    strings: stringsAt,
    size: strings.bytes().length,
    symbols: symbolsAt,
    hash: hashAt,
    table: tableAt,
    jumps: jumpsAt,
  };
  for (const [index, [tag, value]] of tags.entries()) {
    dynamic.writeBigUInt64LE(BigInt(tag), index * 16);
    dynamic.writeBigUInt64LE(
      BigInt(typeof value === 'number' ? value : values[value]),
      index * 16 + 8,
    );
  }
  const dynamicAt = place(dynamic);
  place(parts.data ?? new Uint8Array());
  const namesAt = place(sectionNames.bytes());
  const sectionsAt = position;
  const sectionTable = Buffer.alloc(64 * names.length);
  for (const [index, offset] of nameOffsets.entries()) {
    sectionTable.writeUInt32LE(offset, index * 64);
    sectionTable.writeUInt32LE(index === 0 ? 0 : 1, index * 64 + 4);
  }
  const last = (names.length - 1) * 64;
  sectionTable.writeBigUInt64LE(BigInt(namesAt), last + 24);
  sectionTable.writeBigUInt64LE(BigInt(sectionNames.bytes().length), last + 32);

  const header = Buffer.alloc(64 + 5 * 56);
  header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  header.writeUInt16LE(parts.type ?? 3, 16);
  header.writeUInt16LE(parts.machine ?? 62, 18);
  header.writeBigUInt64LE(64n, 32);
  header.writeBigUInt64LE(BigInt(sectionsAt), 40);
  header.writeUInt16LE(56, 54);
  header.writeUInt16LE(5, 56);
  header.writeUInt16LE(64, 58);
  header.writeUInt16LE(names.length, 60);
  header.writeUInt16LE(names.length - 1, 62);
  const segment = (
    index: number,
    type: number,
    at: number,
    size: number,
    memory = size,
    align = 8,
  ) => {
    const start = 64 + index * 56;
    header.writeUInt32LE(type, start);
    header.writeUInt32LE(6, start + 4);
    for (const [field, value] of [at, at, at, size, memory, align].entries()) {
      header.writeBigUInt64LE(BigInt(value), start + 8 + field * 8);
    }
  };
  segment(0, 1, 0, position);
  segment(1, 2, dynamicAt, dynamic.length);
  segment(2, parts.interpreter === undefined ? 0 : 3, interpreterAt, interpreter.length);
  const { tls } = parts;
  const { address = 0, fileSize = 0 } = tls ?? {};
  segment(3, tls === undefined ? 0 : 7, address, fileSize, tls?.memorySize, tls?.align);
  segment(4, parts.note === undefined ? 0 : 4, noteAt, note.length, note.length, 4);
  return Buffer.concat([header, ...chunks, sectionTable]);
}

type Place = 'strings' | 'size' | 'symbols' | 'hash' | 'table' | 'jumps';

function relocationTags({ relocations }: ElfParts): [number, number | Place][] {
  const { table, jumps } = relocations ?? {};
  return [
    ...(table
      ? ([
          [7, 'table'],
          [8, 24 * table.length],
        ] as [number, number | Place][])
      : []),
    ...(jumps
      ? ([
          [23, 'jumps'],
          [2, 24 * jumps.length],
        ] as [number, number | Place][])
      : []),
  ];
}

/** R_AARCH64_JUMP_SLOT: of the symbol with the number of the entry. */
const jumpSlot = 1026;

function relocationBytes(types: readonly number[], first: number): Buffer {
  const bytes = Buffer.alloc(24 * types.length);
  for (const [index, type] of types.entries()) {
    bytes.writeUInt32LE(type, 24 * index + 8);
    bytes.writeUInt32LE(type === jumpSlot ? index + 1 : 0, 24 * index + 12);
    bytes.writeUInt32LE(first + index, 24 * index + 16);
  }
  return bytes;
}

function stringTable() {
  let text = '\0';
  let size = 1;
  return {
    add(name: string): number {
      const at = size;
      text += `${name}\0`;
      size += Buffer.byteLength(name) + 1;
      return at;
    },
    bytes: () => Buffer.from(text),
  };
}

function noteBytes(note: NonNullable<ElfParts['note']>): Buffer {
  const header = Buffer.alloc(12);
  const name = Buffer.from(`${note.name}\0`);
  header.writeUInt32LE(name.length, 0);
  header.writeUInt32LE(note.description.length, 4);
  header.writeUInt32LE(note.type, 8);
  const padding = (size: number): Buffer => Buffer.alloc((4 - (size % 4)) % 4);
  return Buffer.concat([
    header,
    name,
    padding(name.length),
    note.description,
    padding(note.description.length),
  ]);
}
