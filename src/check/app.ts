import type { DotnetApp } from '../dotnet/app.ts';
import type { BundledApp } from '../dotnet/bundled.ts';
import type { Files } from '../dotnet/files.ts';
import { majorOf } from '../dotnet/major.ts';
import { appAssemblies, pluginAssemblies } from './assemblies.ts';
import { checkCalls } from './calls.ts';
import type { Finding } from './finding.ts';
import { type Scan, scan } from './scan.ts';
import { type IsWritable, isUsuallyWritable } from './writable.ts';

type Placed = Pick<DotnetApp, 'kind' | 'assembly' | 'executable' | 'version'>;

/** What the assemblies of an app use; those of its plugins with them, where it loads some. */
export function scanApp(app: Placed, files: Files, bundle: BundledApp | undefined): Scan {
  const own = scan(appAssemblies(app, files, bundle));
  if (!own.used.some(({ rule }) => rule.rule === 'plugins')) return own;
  const plugins = scan(pluginAssemblies(app, files));
  return {
    used: [...own.used, ...plugins.used],
    imported: [...own.imported, ...plugins.imported],
    cryptography: [...own.cryptography, ...plugins.cryptography],
  };
}

/** What the code of an app tells of itself. `env` is that of the guest. */
export function checkCode(
  app: Placed,
  { used }: Scan,
  env: ReadonlyMap<string, string>,
  isWritable: IsWritable = isUsuallyWritable,
): readonly Finding[] {
  return [
    hardwareExceptions(app),
    ...(app.kind === 'native-aot' ? [unseen(app)] : []),
    ...checkCalls(used, { major: majorOf(app) ?? 0, env, isWritable }),
  ];
}

/**
 * Seen on stock kernels: null references end the machine with 3.1 and 10, and with Native AOT of 10; divisions
 * by zero do with 3.1, and with 10 and its Native AOT they do not.
 */
function hardwareExceptions(app: Placed): Finding {
  const { kind, assembly, executable, version } = app;
  const divides = (majorOf(app) ?? 0) >= 10 ? '' : ', and a division by zero may';
  return {
    rule: 'hardware-exceptions',
    severity: 'note',
    evidence: {
      file: assembly ?? executable,
      found: kind === 'native-aot' ? 'Native AOT' : `.NET ${releaseOf(version)}`.trim(),
    },
    consequence: `a null reference ends the machine, even where NullReferenceException would be caught${divides}`,
    fix: 'test for null before, or use a kernel that fills in signal frames',
  };
}

/** `10.0`: a patch makes no difference. */
function releaseOf(version = ''): string {
  return /^\d+\.\d+/.exec(version)?.[0] ?? version;
}

function unseen({ executable }: Placed): Finding {
  return {
    rule: 'native-code-unseen',
    severity: 'note',
    evidence: { file: executable, found: 'Native AOT' },
    consequence:
      'no metadata tells what the app calls: what starts processes or watches files goes unseen',
    fix: 'check a build of the app without Native AOT to know',
  };
}
