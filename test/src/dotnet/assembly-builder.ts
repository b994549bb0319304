/** What a small assembly says of itself; it has no code. */
export interface AssemblyParts {
  readonly name?: string;
  /** Assemblies it refers to; all `types` are of the first. */
  readonly references?: readonly string[];
  /** Types it refers to, in full. */
  readonly types?: readonly string[];
  /** As compilers write it: `.NETCoreApp,Version=v10.0`. */
  readonly targetFramework?: string;
  readonly machine?: number;
  /** The header of native code, with its flags. */
  readonly native?: { readonly signature?: number; readonly flags: number };
}

const sectionAt = 0x200;
const sectionRva = 0x1000;

/** A PE file with the headers and the metadata of an assembly (ECMA-335, II.24 and II.25). */
export function buildAssembly({ machine, native, ...parts }: AssemblyParts = {}): Uint8Array {
  return peOf(metadataOf(parts), { ...(machine && { machine }), ...(native && { native }) });
}

/** A PE file around metadata. */
export function peOf(
  metadata: Uint8Array,
  { machine = 0x14c, native }: Pick<AssemblyParts, 'machine' | 'native'> = {},
): Uint8Array {
  const cli = Buffer.alloc(96);
  cli.writeUInt32LE(72, 0);
  cli.writeUInt32LE(sectionRva + 96, 8);
  cli.writeUInt32LE(metadata.length, 12);
  if (native !== undefined) {
    cli.writeUInt32LE(sectionRva + 72, 64);
    cli.writeUInt32LE(12, 68);
    cli.writeUInt32LE(native.signature ?? 0x00525452, 72);
    cli.writeUInt32LE(native.flags, 80);
  }
  const head = Buffer.alloc(sectionAt);
  head.write('MZ');
  head.writeUInt32LE(64, 0x3c);
  head.write('PE\0\0', 64);
  head.writeUInt16LE(machine, 68);
  head.writeUInt16LE(1, 70);
  head.writeUInt16LE(224, 84);
  head.writeUInt16LE(0x10b, 88);
  head.writeUInt32LE(16, 88 + 92);
  head.writeUInt32LE(sectionRva, 88 + 96 + 14 * 8);
  head.writeUInt32LE(72, 88 + 96 + 14 * 8 + 4);
  const section = 88 + 224;
  head.writeUInt32LE(sectionRva, section + 12);
  head.writeUInt32LE(cli.length + metadata.length, section + 16);
  head.writeUInt32LE(sectionAt, section + 20);
  return Buffer.concat([head, cli, metadata]);
}

function metadataOf({
  name = 'app',
  references = ['System.Runtime'],
  types = [],
  targetFramework,
}: AssemblyParts): Buffer {
  const strings = heap();
  const blobs = heap();
  const attribute = 'System.Runtime.Versioning.TargetFrameworkAttribute';
  const allTypes = targetFramework === undefined ? types : [...types, attribute];
  const text = (value: string): number => strings.add(Buffer.from(`${value}\0`));
  const blob = (bytes: Buffer): number =>
    blobs.add(Buffer.concat([Buffer.from([bytes.length]), bytes]));
  const said = Buffer.from(targetFramework ?? '');
  const value = Buffer.concat([Buffer.from([1, 0, said.length]), said, Buffer.alloc(2)]);
  const tables = new Map<number, Buffer[]>([
    [0x00, [words(0, text(`${name}.dll`), 0, 0, 0)]],
    [
      0x01,
      allTypes.map((type) => {
        const at = type.lastIndexOf('.');
        return words((1 << 2) | 2, text(type.slice(at + 1)), text(type.slice(0, Math.max(at, 0))));
      }),
    ],
    ...(targetFramework === undefined
      ? []
      : ([
          [0x0a, [words((allTypes.length << 3) | 1, text('.ctor'), 0)]],
          [0x0c, [words((1 << 5) | 14, (1 << 3) | 3, blob(value))]],
        ] satisfies [number, Buffer[]][])),
    [0x20, [words(0, 0, 1, 0, 0, 0, 0, 0, 0, text(name), 0)]],
    [0x23, references.map((reference) => words(0, 0, 0, 0, 0, 0, 0, text(reference), 0, 0))],
  ]);
  const present = [...tables].filter(([, rows]) => rows.length > 0);
  const header = Buffer.alloc(24);
  header.writeUInt8(2, 4);
  header.writeBigUInt64LE(
    present.reduce((bits, [number]) => bits | (1n << BigInt(number)), 0n),
    8,
  );
  const counts = Buffer.concat(present.map(([, rows]) => words(rows.length, 0)));
  const stream = Buffer.concat([header, counts, ...present.flatMap(([, rows]) => rows)]);
  return rootOf([
    ['#~', padded(stream)],
    ['#Strings', padded(strings.bytes())],
    ['#Blob', padded(blobs.bytes())],
  ]);
}

/** Metadata of these streams. */
export function rootOf(streams: readonly (readonly [string, Buffer])[]): Buffer {
  const start = Buffer.alloc(32);
  start.writeUInt32LE(0x424a5342, 0);
  start.writeUInt32LE(12, 12);
  start.write('v4.0.30319', 16);
  start.writeUInt16LE(streams.length, 30);
  const names = streams.map(([name]) => padded(Buffer.from(`${name}\0`)));
  let position = start.length + names.reduce((sum, name) => sum + 8 + name.length, 0);
  const headers = streams.map(([, bytes], index) => {
    const header = Buffer.alloc(8);
    header.writeUInt32LE(position, 0);
    header.writeUInt32LE(bytes.length, 4);
    position += bytes.length;
    return Buffer.concat([header, names[index] ?? Buffer.alloc(0)]);
  });
  return Buffer.concat([start, ...headers, ...streams.map(([, bytes]) => bytes)]);
}

/** Every index is of two bytes: the heaps and tables are small. */
function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 2);
  for (const [at, value] of values.entries()) bytes.writeUInt16LE(value, at * 2);
  return bytes;
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}

function heap() {
  let all = Buffer.alloc(1);
  return {
    add(bytes: Buffer): number {
      const at = all.length;
      all = Buffer.concat([all, bytes]);
      return at;
    },
    bytes: () => all,
  };
}
