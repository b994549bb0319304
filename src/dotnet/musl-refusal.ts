import { ConvertError } from '../error.ts';
import type { Files } from './files.ts';
import { type MuslProgram, muslMarks } from './musl.ts';

/** What brings its own runtime, which for musl cannot be replaced by another. */
export type OwnRuntime = 'self-contained app' | 'self-contained single file' | 'Native AOT program';

/** What `dotnet publish -r RID` is given besides. */
const publishOptions: Readonly<Record<OwnRuntime, string>> = {
  'self-contained app': '--self-contained',
  'self-contained single file': '--self-contained -p:PublishSingleFile=true',
  'Native AOT program': '-p:PublishAot=true',
};

/** Marks that are told: those of the program come before those of its system. */
const toldCap = 3;

/** The error for an app whose own runtime is built for musl: what was found, why it cannot run, what to do. */
export function muslRefusal(files: Files, kind: OwnRuntime, program: MuslProgram): ConvertError {
  const marks = muslMarks(files, program).slice(0, toldCap);
  return new ConvertError(
    'APP_INVALID',
    `reading the app ${program.assembly ?? program.executable}: found a ${kind} linked to musl, wanted glibc: ` +
      `${marks.join('; ')}. OSv's kernel is the C library of all programs, made to stand in for glibc: no .NET for musl ` +
      'is known to run on it, and the runtime is a part of the app that cannot be replaced',
    {
      hint:
        `publish again for glibc: dotnet publish -r linux-${files.architecture} ${publishOptions[kind]}\n` +
        "and base the image on Debian's, Ubuntu's or Azure Linux's variant in place of Alpine's: mcr.microsoft.com/dotnet/runtime-deps" +
        (kind === 'Native AOT program'
          ? ''
          : '\nor publish with --no-self-contained and keep the image: a runtime for glibc is put in then'),
    },
  );
}
