import { folderOf } from '../dotnet/command.ts';
import { kernelSonames } from '../dotnet/sonames.ts';
import type { Tree } from '../tree/tree.ts';
import { walkTree } from '../tree/walk.ts';
import { evidenceOf } from './calls.ts';
import type { Finding } from './finding.ts';
import type { Imported } from './scan.ts';
import { processFunctions } from './uses.ts';

/** What P/Invoke finds in a guest. */
export interface Importable {
  /** Names of the files in the folders that are searched. */
  readonly libraries: ReadonlySet<string>;
  /** What the kernel has for programs; undefined where it is not known. */
  readonly exports?: ReadonlySet<string> | undefined;
}

/** The names of files in `folders`, which hold the app's natives, and where OSv looks. */
export function nativeNames(tree: Tree, folders: readonly string[]): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { path, node } of walkTree(tree)) {
    if (node.kind === 'directory') continue;
    const folder = folderOf(path);
    const isSearched =
      folder === '' || folder === '/usr/lib' || folders.some((one) => path.startsWith(`${one}/`));
    if (isSearched) names.add(path.slice(folder.length + 1));
  }
  return names;
}

/**
 * Native functions that assemblies name (P/Invoke) and that are not there: the call throws, and nothing
 * else happens. What libraries name of others' libraries is passed over: they ask for what some systems
 * have only, and can do without. Of the kernel's C library it is a note.
 */
export function checkImports(
  imported: readonly Imported[],
  { libraries, exports }: Importable,
): readonly Finding[] {
  const strange: Lacking[] = [];
  const lacking: Lacking[] = [];
  for (const one of imported) {
    const { library, name, isLibrary } = one;
    const found = `${library}!${name}`;
    if (isOfKernel(library)) {
      const isThere = exports === undefined || exports.has(name) || processFunctions.test(name);
      if (!isThere) lacking.push({ ...one, found });
    } else if (
      !isLibrary &&
      isOfLinux(library) &&
      !namesOf(library).some((each) => libraries.has(each))
    ) {
      strange.push({ ...one, found });
    }
  }
  const own = lacking.filter(({ isLibrary }) => !isLibrary);
  return [
    ...(strange.length > 0 ? [missingLibrary(strange)] : []),
    ...(own.length > 0
      ? [missingFunction(own, 'warning')]
      : lacking.length > 0
        ? [missingFunction(lacking, 'note')]
        : []),
  ];
}

interface Lacking extends Imported {
  readonly found: string;
}

/** The runtime takes `libc` for its full name (PAL, `LOADLoadLibrary`). */
function isOfKernel(library: string): boolean {
  return library === 'libc' || kernelSonames.has(library);
}

/** The names the runtime tries (DOTNET.md, section 6). */
function namesOf(library: string): readonly string[] {
  return [library, `lib${library}.so`, `${library}.so`, `lib${library}`];
}

/** Whether a name is meant for Linux, as far as names tell: many assemblies call each system its own way. */
function isOfLinux(library: string): boolean {
  if (/\.so(?:\.|$)/.test(library)) return !library.includes('/');
  return /^lib/.test(library) && !/\.(?:dll|dylib)$|^lib(?:objc|System|proc)\b/.test(library);
}

function missingLibrary(lacking: readonly Lacking[]): Finding {
  return {
    rule: 'missing-import',
    severity: 'warning',
    evidence: evidenceOf(lacking),
    consequence: 'no library of this name is on the disk: the call throws DllNotFoundException',
    fix: 'put the library beside the app, or install it in the image',
  };
}

function missingFunction(lacking: readonly Lacking[], severity: 'warning' | 'note'): Finding {
  return {
    rule: 'missing-import',
    severity,
    evidence: evidenceOf(lacking),
    consequence:
      "the kernel's C library has no such function: the call throws EntryPointNotFoundException",
    fix: 'do without it, or choose a kernel that exports it',
  };
}
