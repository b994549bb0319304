import type { MissingLibrary } from '../dotnet/closure.ts';
import type { RootChange } from '../osv/root-edit.ts';
import { evidenceOf } from './calls.ts';
import type { Finding } from './finding.ts';
import type { Scan } from './scan.ts';

/** What natives need and neither the image nor this host has; the machine ends when it is used. */
export function missingLibraries(missing: readonly MissingLibrary[]): readonly Finding[] {
  return missing.map(({ soname, neededBy }) => ({
    rule: 'missing-library',
    severity: 'warning',
    evidence: { file: neededBy, found: `needs ${soname}` },
    consequence: 'it is neither in the image nor on this host: what uses it ends the machine',
    fix: `install the package that has ${soname}, here or in the image`,
  }));
}

/**
 * .NET opens OpenSSL when it first needs cryptography, and ends where there is none (DOTNET.md 4.2). Neither
 * a console app nor a server of ASP.NET Core that speaks HTTP was seen to open it.
 */
export function missingOpenssl(uses: Scan['cryptography']): readonly Finding[] {
  if (uses.length === 0) return [];
  return [
    {
      rule: 'missing-openssl',
      severity: 'warning',
      evidence: evidenceOf(uses),
      consequence:
        'neither the image nor this host has libssl and libcrypto of one version: the app ends when it first uses TLS or cryptography',
      fix: 'install OpenSSL in the image',
    },
  ];
}

/** Files that are not on the disk as the image has them, and that the app may miss. */
export function replacedFiles(lost: readonly RootChange[]): readonly Finding[] {
  return lost.map(({ path, change }) => ({
    rule: 'file-replaced',
    severity: 'warning',
    evidence: { file: path, found: 'in the image' },
    consequence: change,
    fix: 'put it elsewhere in the image, if the app needs it',
  }));
}
