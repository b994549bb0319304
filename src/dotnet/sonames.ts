import { type Architecture, architectureNames } from './architecture.ts';

/**
 * Names OSv answers itself when a library asks for them (core/elf.cc, `supplied_modules`). libstdc++ is
 * not among them: a kernel that runs .NET hides its own.
 */
export const kernelSonames: ReadonlySet<string> = new Set([
  'ld-linux-aarch64.so.1',
  'ld-linux-x86-64.so.2',
  'ld-musl-x86_64.so.1',
  'libaio.so.1',
  'libc.musl-x86_64.so.1',
  'libc.so.6',
  'libcrypt.so.1',
  'libdl.so.2',
  'libm.so.6',
  'libpthread.so.0',
  'libresolv.so.2',
  'librt.so.1',
  'libutil.so',
  'libxenstore.so.3.0',
]);

/** Where distributions keep libraries of a processor, in the order in which their own loaders look. */
export function libraryFoldersOf(architecture: Architecture): readonly string[] {
  const multiarch = `${architectureNames[architecture].gnu}-linux-gnu`;
  return [
    `/usr/local/lib/${multiarch}`,
    '/usr/local/lib',
    `/lib/${multiarch}`,
    `/usr/lib/${multiarch}`,
    '/lib64',
    '/usr/lib64',
    '/lib',
    '/usr/lib',
  ];
}

/** The pairs .NET tries in turn when it first needs cryptography; .NET Core 3 and 5 know only the last. */
export const opensslPairs: readonly (readonly [ssl: string, crypto: string])[] = [
  ['libssl.so.3', 'libcrypto.so.3'],
  ['libssl.so.1.1', 'libcrypto.so.1.1'],
];

/** Debian's package of a library, for messages. */
export const debianPackages: ReadonlyMap<string, string> = new Map([
  ['libcurl.so.4', 'libcurl4'],
  ['libgcc_s.so.1', 'libgcc-s1'],
  ['libgssapi_krb5.so.2', 'libgssapi-krb5-2'],
  ['libssl.so.3', 'libssl3'],
  ['libstdc++.so.6', 'libstdc++6'],
  ['libunwind.so.8', 'libunwind8'],
  ['libuuid.so.1', 'libuuid1'],
  ['libz.so.1', 'zlib1g'],
]);
