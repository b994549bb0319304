import { readdirSync, readFileSync, statSync } from 'node:fs';
import { deflateRawSync } from 'node:zlib';
import { describeApp } from '../../../src/dotnet/describe.ts';
import { ConvertError } from '../../../src/error.ts';
import type { ExecutionConfig } from '../../../src/oci/config.ts';
import { type Contents, openContents } from '../../../src/tree/contents.ts';
import { type Edit, editTree } from '../../../src/tree/edit.ts';
import { directory, fileOfBytes, symlink } from '../../../src/tree/nodes.ts';
import type { Tree } from '../../../src/tree/tree.ts';
import { buildElf, type ElfParts } from '../elf/elf-builder.ts';

/** Files by absolute path: a text, bytes, or where a link leads. */
export type ImageFiles = Readonly<Record<string, string | Uint8Array | { readonly link: string }>>;

export const noContents: Contents = openContents(new Map());

export function treeOf(...images: readonly ImageFiles[]): Tree {
  const edits = images.flatMap(Object.entries).map(([path, what]): Edit => {
    const node =
      typeof what === 'object' && 'link' in what
        ? symlink(what.link)
        : fileOfBytes(typeof what === 'string' ? Buffer.from(what) : what, 0o755);
    return { op: 'set', path, node };
  });
  return editTree({ root: directory() }, edits);
}

export function configOf(config: Partial<ExecutionConfig>): ExecutionConfig {
  return {
    User: '',
    Env: [],
    Entrypoint: [],
    Cmd: [],
    WorkingDir: '',
    ExposedPorts: [],
    Volumes: [],
    Labels: {},
    StopSignal: '',
    HealthcheckTest: [],
    ...config,
  };
}

export function describeImage(files: ImageFiles, config: Partial<ExecutionConfig>) {
  return describeApp(treeOf(files), noContents, configOf(config));
}

/** The published output of `fixtures/apps/NAME`, below `folder`. */
export function published(name: string, folder = '/app'): ImageFiles {
  const source = new URL(`../../../fixtures/apps/${name}/publish/`, import.meta.url);
  const files: Record<string, Uint8Array> = {};
  for (const file of readdirSync(source)) {
    const url = new URL(file, source);
    if (statSync(url).isFile()) {
      files[`${folder}/${file}`] = readFileSync(url);
    }
  }
  return files;
}

const usual = ['libstdc++.so.6', 'libgcc_s.so.1', 'libc.so.6'];

/** A .NET folder in miniature: right names, right ELF headers, nothing in them. */
export function runtime(
  versions: { readonly core: readonly string[]; readonly aspnet?: readonly string[] },
  { root = '/usr/share/dotnet', elf = {} }: { root?: string; elf?: ElfParts } = {},
): ImageFiles {
  const binary = buildElf({ needed: usual, ...elf });
  const files: Record<string, string | Uint8Array> = {
    [`${root}/dotnet`]: buildElf({
      needed: usual,
      interpreter: '/lib64/ld-linux-x86-64.so.2',
      ...elf,
    }),
  };
  for (const version of versions.core) {
    const path = `${root}/shared/Microsoft.NETCore.App/${version}`;
    files[`${root}/host/fxr/${version}/libhostfxr.so`] = binary;
    files[`${path}/Microsoft.NETCore.App.deps.json`] = '{}';
    files[`${path}/libhostpolicy.so`] = binary;
    files[`${path}/libcoreclr.so`] = binary;
    files[`${path}/System.Private.CoreLib.dll`] = 'MZ';
  }
  for (const version of versions.aspnet ?? []) {
    const path = `${root}/shared/Microsoft.AspNetCore.App/${version}`;
    files[`${path}/Microsoft.AspNetCore.App.deps.json`] = '{}';
    files[`${path}/Microsoft.AspNetCore.App.runtimeconfig.json`] = runtimeconfig({
      rollForward: 'LatestPatch',
      framework: { name: 'Microsoft.NETCore.App', version },
    });
  }
  return files;
}

export const muslElf: ElfParts = {
  needed: ['libc.musl-x86_64.so.1'],
  interpreter: '/lib/ld-musl-x86_64.so.1',
};

export function runtimeconfig(runtimeOptions: Record<string, unknown>): string {
  return JSON.stringify({ runtimeOptions });
}

/** `NAME.dll` and its config in /app. */
export function managed(name: string, options: Record<string, unknown>): ImageFiles {
  return {
    [`/app/${name}.dll`]: 'MZ',
    [`/app/${name}.runtimeconfig.json`]: runtimeconfig(options),
  };
}

export const core = (version: string) => ({ name: 'Microsoft.NETCore.App', version });
export const aspnet = (version: string) => ({ name: 'Microsoft.AspNetCore.App', version });

const signature = Buffer.from(
  '8b1202b96a612038727b930214d7a03213f5b9e6efae3318ee3b2dce24b36aae',
  'hex',
);

/** The data segment of an apphost: where its bundle is (0 for none), and the name of its app. */
export function apphostData(bundleHeader: number, name: string): Uint8Array {
  const offset = Buffer.alloc(8);
  offset.writeBigInt64LE(BigInt(bundleHeader));
  return Buffer.concat([Buffer.alloc(8), offset, signature, Buffer.from(`\0${name}\0`)]);
}

export interface BundlePart {
  readonly path: string;
  readonly type: number;
  readonly bytes: string | Uint8Array;
  readonly deflated?: boolean;
}

/** A single-file app of bundle version `major`, with `parts` appended to an executable. */
export function singleFile(
  major: number,
  parts: readonly BundlePart[],
  elf: ElfParts = {},
  flags = 0,
): Uint8Array {
  const build = (header: number) => buildElf({ ...elf, data: apphostData(header, 'app.dll') });
  let position = build(0).length;
  const bodies: Buffer[] = [];
  const entries = parts.map(({ path, type, bytes, deflated = false }) => {
    const plain = Buffer.from(bytes);
    const body = deflated ? deflateRawSync(plain) : plain;
    const numbers = [position, plain.length, ...(major === 6 ? [deflated ? body.length : 0] : [])];
    position += body.length;
    bodies.push(body);
    return Buffer.concat([...numbers.map(int64), Buffer.from([type]), text(path)]);
  });
  const start = Buffer.alloc(12);
  start.writeUInt32LE(major, 0);
  start.writeUInt32LE(parts.length, 8);
  const locations = major === 1 ? [] : [0, 0, 0, 0, flags].map(int64);
  return Buffer.concat([
    build(position),
    ...bodies,
    start,
    text('Ab1_-='),
    ...locations,
    ...entries,
  ]);
}

function int64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt(value));
  return bytes;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}

/** The native parts of a runtime, beside an app in /app. */
export function ownRuntime(): ImageFiles {
  return Object.fromEntries(
    ['libhostfxr.so', 'libhostpolicy.so', 'libcoreclr.so'].map((name) => [
      `/app/${name}`,
      buildElf(),
    ]),
  );
}

/** A self-contained app in a folder, with its apphost. */
export function selfContained(): ImageFiles {
  return {
    ...managed('app', { tfm: 'net10.0', includedFrameworks: [core('10.0.3'), aspnet('10.0.3')] }),
    ...ownRuntime(),
    '/app/app': buildElf({ data: apphostData(0, 'app.dll') }),
  };
}

/** The error that `call` throws. */
export function failureOf(call: () => unknown): ConvertError {
  try {
    call();
  } catch (error) {
    if (error instanceof ConvertError) return error;
    throw error;
  }
  throw new Error('nothing failed');
}
