import type { DotnetApp } from '../../dotnet/app.ts';
import type { Files } from '../../dotnet/files.ts';
import { readAssembly } from '../../dotnet/metadata/assembly.ts';

/** Opened by name when they are first needed (ICU, OpenSSL, GSSAPI, zlib), so that nothing declares the need. */
const openedByName =
  /^(?:libicu(?:uc|i18n|data)|libssl|libcrypto|libgssapi_krb5|libz)\.so(?:\.[\d.]+)?$/;

const icu = /^libicu/;

/**
 * Libraries of the distribution that are loaded by name: those .NET opens itself, and those the app's
 * assemblies call functions of (P/Invoke), by the names the runtime tries for them. `folder` is the
 * app's. Names that a program makes up as it runs cannot be known.
 */
export function librariesByName(
  app: Pick<DotnetApp, 'kind' | 'invariantGlobalization'>,
  files: Files,
  assemblies: readonly string[],
): readonly string[] {
  const wanted = new Set<string>();
  for (const path of assemblies) {
    for (const { library } of files.read(path, readAssembly)?.imports ?? []) {
      for (const name of [library, `lib${library}.so`, `${library}.so`, `lib${library}`]) {
        wanted.add(name);
      }
    }
  }
  const isManaged = app.kind !== 'native-aot';
  const isOpened = (name: string): boolean =>
    openedByName.test(name) && !(icu.test(name) && app.invariantGlobalization);
  return ['/usr/lib', '/'].flatMap((folder) =>
    files
      .list(folder)
      .filter((name) => wanted.has(name) || (isManaged && isOpened(name)))
      .map((name) => `${folder === '/' ? '' : folder}/${name}`),
  );
}
