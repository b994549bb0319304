import type { DotnetApp } from '../dotnet/app.ts';
import type { Files } from '../dotnet/files.ts';
import { appAssemblies } from './assemblies.ts';
import { checkCalls } from './calls.ts';
import type { Finding } from './finding.ts';

type Placed = Pick<DotnetApp, 'kind' | 'assembly' | 'executable' | 'version'>;

/** What the code of an app tells of itself. */
export function checkCode(app: Placed, files: Files): readonly Finding[] {
  const findings = [hardwareExceptions(app)];
  if (app.kind === 'native-aot') findings.push(unseen(app));
  for (const { file, assembly, isLibrary } of appAssemblies(app, files)) {
    findings.push(...checkCalls(assembly, file, { isLibrary }));
  }
  return findings;
}

/** Measured with CoreCLR on stock kernels; Native AOT handles them by the same signals. */
function hardwareExceptions({ kind, assembly, executable, version }: Placed): Finding {
  const isNative = kind === 'native-aot';
  return {
    rule: 'hardware-exceptions',
    severity: 'note',
    evidence: {
      file: assembly ?? executable,
      found: isNative ? 'Native AOT' : `.NET ${version ?? ''}`.trim(),
    },
    consequence: isNative
      ? 'a null reference or a division by zero is likely to end the machine, as it does without Native AOT; nobody measured it'
      : 'a NullReferenceException or DivideByZeroException that the processor raises ends the machine, even if it would be caught',
    fix: 'test for null and zero before, or use a kernel that fills in signal frames',
  };
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
