import type { DotnetApp } from '../dotnet/app.ts';
import type { Architecture } from '../dotnet/architecture.ts';
import type { ChosenRuntime, RuntimeOrigin } from '../dotnet/choose.ts';
import { baseName } from '../dotnet/command.ts';
import type { Files } from '../dotnet/files.ts';
import { muslNatives } from '../dotnet/musl-natives.ts';
import type { Finding } from './finding.ts';
import type { Imported } from './scan.ts';

/**
 * What becomes of an app that was built for musl: it runs with another runtime, and without what else of
 * the image is for musl.
 * @param imported the native functions its assemblies call.
 */
export function checkMusl(
  app: DotnetApp,
  files: Files,
  runtime: ChosenRuntime | undefined,
  imported: readonly Pick<Imported, 'file' | 'library'>[],
): readonly Finding[] {
  const [mark] = app.musl ?? [];
  if (mark === undefined) return [];
  const { lacking, linked } = muslNatives(files, app);
  const importers = new Map(imported.map(({ file, library }) => [stemOf(library), file]));
  return [
    builtForMusl(app, mark, runtime),
    ...lacking.map(({ library, rids }) => onlyForMusl(app, library, rids)),
    ...linked.map((path) => linkedToMusl(path, importers.get(stemOf(path)), app.architecture)),
  ];
}

const origins: Readonly<Record<RuntimeOrigin, string>> = {
  image: 'of the image',
  host: 'of this host',
  folder: 'of the given folder',
  reference: 'of the image given with --runtime',
  kept: 'kept in the store',
};

function builtForMusl(app: DotnetApp, found: string, runtime: ChosenRuntime | undefined): Finding {
  return {
    rule: 'built-for-musl',
    severity: 'note',
    evidence: { file: app.assembly ?? app.executable, found },
    consequence: `${startOf(app, runtime)}, and with no library of the image`,
    fix: 'nothing need be done; an image of Debian or Ubuntu has its own runtime used',
  };
}

function startOf({ needsRuntime }: DotnetApp, runtime: ChosenRuntime | undefined): string {
  if (!needsRuntime) return 'the app itself is for glibc: it runs as it is';
  if (runtime === undefined) return 'it runs with a runtime for glibc only';
  const named = runtime.frameworks.map(({ name, version }) => `${name} ${version}`);
  return `it runs with a runtime for glibc, ${named.join(' and ')} ${origins[runtime.from]}`;
}

function onlyForMusl(
  { assembly, executable, architecture }: DotnetApp,
  library: string,
  rids: readonly string[],
): Finding {
  return {
    rule: 'musl-only-package',
    severity: 'error',
    evidence: {
      file: assembly ?? executable,
      found: `${library} has native libraries for ${rids.join(', ')}`,
    },
    consequence: `none of them is for glibc (linux-${architecture}, linux, unix): what calls them ends in a DllNotFoundException`,
    fix: `take a version of ${library.split('/')[0]} that has linux-${architecture}, and publish again`,
  };
}

/** Measured: libgit2 for musl works on a kernel of 2026, which exports all but one of the functions it names. */
function linkedToMusl(
  file: string,
  importer: string | undefined,
  architecture: Architecture,
): Finding {
  return {
    rule: 'musl-native',
    severity: 'warning',
    evidence: {
      file,
      found:
        importer === undefined ? 'linked to musl' : `linked to musl, and called by ${importer}`,
    },
    consequence:
      "OSv's kernel is made to stand in for glibc: a library for musl may work, or end the machine when it is called",
    fix: `publish again for glibc: dotnet publish -r linux-${architecture}, or without -r`,
  };
}

/** The name of a library without what the runtime puts before and behind it when it looks for it. */
function stemOf(name: string): string {
  return baseName(name)
    .replace(/^lib/, '')
    .replace(/\.(?:so(?:\.[0-9.]+)?|dll)$/, '');
}
