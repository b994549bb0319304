import { ConvertError } from '../error.ts';
import type { SyncAccess } from '../tree/access.ts';
import type { Architecture } from './architecture.ts';
import { type Assembly, readAssembly } from './metadata/assembly.ts';

const moveHint =
  'move the project to .NET: <TargetFramework>net10.0</TargetFramework>, then dotnet publish';

/** The error for an assembly of the .NET Framework; undefined for others. */
export function frameworkRefusal(
  path: string,
  assembly: Assembly | undefined,
): ConvertError | undefined {
  const framework = assembly?.targetFramework ?? '';
  if (assembly === undefined || !isOfFramework(assembly)) return undefined;
  return new ConvertError(
    'APP_INVALID',
    `reading the app ${path}: found an app for the .NET Framework${framework === '' ? '' : ` (${framework})`}, which Windows and Mono run; wanted one for .NET`,
    { hint: moveHint },
  );
}

/** What was compiled before there was the attribute refers to mscorlib, as nothing for .NET does. */
function isOfFramework({ targetFramework, references }: Assembly): boolean {
  return targetFramework === undefined
    ? references.includes('mscorlib') && !references.includes('System.Runtime')
    : targetFramework.startsWith('.NETFramework,');
}

/** The error for a PE file that an image starts. */
export function windowsRefusal(
  path: string,
  access: SyncAccess,
  architecture: Architecture,
): ConvertError {
  const assembly = readAssembly(access);
  const refusal = frameworkRefusal(path, assembly);
  if (refusal !== undefined) return refusal;
  return assembly === undefined
    ? new ConvertError(
        'APP_INVALID',
        `reading the app ${path}: found a Windows program, wanted one for Linux`,
        { hint: `publish again for this platform: dotnet publish -r linux-${architecture}` },
      )
    : new ConvertError(
        'APP_INVALID',
        `reading the app ${path}: found an assembly, which Linux cannot start, wanted a program`,
        { hint: `start it with dotnet: ENTRYPOINT ${JSON.stringify(['dotnet', path])}` },
      );
}

/** The error for an image that starts Mono. */
export function monoRefusal(shown: string): ConvertError {
  return new ConvertError(
    'APP_INVALID',
    `finding the app: the image's command ${shown} starts Mono, wanted an app for .NET`,
    { hint: moveHint },
  );
}

/** True for names that only Windows knows: `C:\\app\\web.exe`, `cmd`. */
export function isWindowsCommand(name: string): boolean {
  return /^[A-Za-z]:|\\|^(?:cmd|powershell)(?:\.exe)?$/i.test(name);
}
