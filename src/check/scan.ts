import type { NativeImport } from '../dotnet/metadata/assembly.ts';
import type { AppAssembly } from './assemblies.ts';
import { type CallRule, callRules } from './call-rules.ts';
import { usesCryptography } from './uses.ts';

/** What all assemblies of an app have in common: where it is, and whether the app's makers wrote it. */
type Where = Pick<AppAssembly, 'file' | 'isLibrary'>;

/** A rule that an assembly shows. */
export interface Used extends Where {
  readonly rule: CallRule;
  readonly found: string;
}

/** A native function that an assembly calls. */
export interface Imported extends Where, NativeImport {}

/** What assemblies tell, without them: their metadata may take hundreds of megabytes. */
export interface Scan {
  /** What of it needs OpenSSL. */
  readonly cryptography: readonly (Where & { readonly found: string })[];
  readonly used: readonly Used[];
  readonly imported: readonly Imported[];
}

/** A wrapper of all of an operating system has some thousands. */
const importCap = 1 << 18;

export function scan(assemblies: Iterable<AppAssembly>): Scan {
  const used: Used[] = [];
  const imported: Imported[] = [];
  const cryptography: (Where & { readonly found: string })[] = [];
  for (const { file, assembly, isLibrary } of assemblies) {
    for (const rule of callRules) {
      const found = rule.find(assembly);
      if (found !== undefined) used.push({ file, isLibrary, rule, found });
    }
    const secret = usesCryptography(assembly);
    if (secret !== undefined) cryptography.push({ file, isLibrary, found: secret });
    const more = assembly.imports.slice(0, importCap - imported.length);
    for (const one of more) imported.push({ file, isLibrary, ...one });
  }
  return { used, imported, cryptography };
}
