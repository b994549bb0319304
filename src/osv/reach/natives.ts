import type { DotnetApp } from '../../dotnet/app.ts';
import { architectureNames } from '../../dotnet/architecture.ts';
import type { Files } from '../../dotnet/files.ts';
import { isInvariant } from '../../dotnet/icu.ts';
import { mayHold } from '../../dotnet/markers.ts';
import { readImports } from '../../dotnet/metadata/assembly.ts';
import { readElf } from '../../elf/read.ts';
import type { SyncAccess } from '../../tree/access.ts';
import type { Native } from '../natives.ts';

/** Opened by name when they are first needed (ICU, OpenSSL, GSSAPI, zlib), so that nothing declares the need. */
const openedByName =
  /^(libicu(?:uc|i18n|data)|libssl|libcrypto|libgssapi_krb5|libz)\.so(?:\.[\d.]+)?$/;

const icu = /^libicu/;

/** What comes with a library of the list, and is not named by what opens that. */
const companions: Readonly<Record<string, string>> = {
  libcrypto: 'libssl',
  libicudata: 'libicuuc',
};

type App = Pick<
  DotnetApp,
  'kind' | 'executable' | 'invariantGlobalization' | 'env' | 'version' | 'properties'
>;

/**
 * Libraries of the distribution that are loaded by name: those .NET opens itself, and those the app's
 * assemblies call functions of (P/Invoke), by the names the runtime tries for them. A Native AOT program
 * has the names of what it may open in it. Names that a program makes up as it runs cannot be known.
 */
export function librariesByName(
  app: App,
  files: Files,
  assemblies: readonly string[],
): readonly string[] {
  const imported = importedNames(files, assemblies);
  const known = new Map<string, boolean>();
  const isNamed = (stem: string): boolean => {
    const found = known.get(stem) ?? mentions(files, app.executable, stem);
    known.set(stem, found);
    return found;
  };
  const isOpened = (name: string): boolean => {
    const stem = openedByName.exec(name)?.[1];
    if (stem === undefined || (icu.test(stem) && isInvariant(app))) return false;
    return app.kind !== 'native-aot' || isNamed(companions[stem] ?? stem);
  };
  return ['/usr/lib', '/'].flatMap((folder) =>
    files
      .list(folder)
      .filter((name) => imported.has(name) || isOpened(name))
      .map((name) => `${folder === '/' ? '' : folder}/${name}`),
  );
}

/** Folders in which the OpenSSL of distributions looks for its modules (`MODULESDIR`, openssl-env(7)). */
function opensslModules({ architecture }: Files): readonly string[] {
  const multiarch = `/${architectureNames[architecture].gnu}-linux-gnu`;
  return ['', '64', multiarch].map((lib) => `/usr/lib${lib}/ossl-modules`);
}

/** What libraries that are loaded open by name themselves: OpenSSL its modules. */
export function openedByLoaded(loaded: readonly Native[], files: Files): readonly string[] {
  if (!loaded.some(({ path }) => /\/libcrypto\.so/.test(path))) return [];
  return opensslModules(files).flatMap((folder) =>
    files
      .list(folder)
      .filter((name) => name.endsWith('.so'))
      .map((name) => `${folder}/${name}`),
  );
}

function importedNames(files: Files, assemblies: readonly string[]): ReadonlySet<string> {
  const names = new Set<string>();
  for (const path of assemblies) {
    for (const { library } of files.read(path, readImports) ?? []) {
      for (const name of [library, `lib${library}.so`, `${library}.so`, `lib${library}`]) {
        names.add(name);
      }
    }
  }
  return names;
}

function mentions(files: Files, path: string, stem: string): boolean {
  const search = (access: SyncAccess): boolean => {
    const elf = readElf(access);
    return elf?.kind === 'elf' && mayHold(access, elf, `${stem}.so`);
  };
  return files.read(path, search) ?? false;
}
