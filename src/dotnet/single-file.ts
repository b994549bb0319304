import { type Elf, machines } from '../elf/elf.ts';
import type { SyncAccess } from '../tree/access.ts';
import type { DotnetApp } from './app.ts';
import type { Architecture } from './architecture.ts';
import { type Bundle, readBundle } from './bundle.ts';
import { appOf, type Image } from './description.ts';
import { splitApphostWords } from './host-options.ts';
import { problemOfElf } from './installed.ts';
import { unsuitable } from './managed.ts';
import { muslMarks, usesMusl } from './musl.ts';
import { muslRefusal } from './musl-refusal.ts';
import { asFolder, muslProgram } from './musl-single-file.ts';
import { hostJsonCap, parseRuntimeConfig, type RuntimeConfig } from './runtimeconfig.ts';

/** An executable with the app, and mostly the runtime too, appended as a bundle. */
export function describeSingleFile(
  image: Image,
  path: string,
  elf: Elf,
  access: SyncAccess,
  headerOffset: number,
): DotnetApp {
  const { architecture } = image.files;
  const isMusl = usesMusl(elf) && elf.machine === machines[architecture];
  const problem = problemOfElf(elf, path, architecture);
  if (problem !== undefined && !isMusl) {
    throw unsuitable(path, problem, architecture);
  }
  const bundle = readBundle(access, headerOffset);
  if (typeof bundle === 'string') {
    throw unsuitable(path, bundle, architecture);
  }
  const { command } = image;
  const config = embeddedConfig(access, bundle, path, architecture);
  const program = muslProgram(path, access, bundle);
  if (isMusl && !config?.frameworkDependent) {
    throw muslRefusal(image.files, 'self-contained single file', program);
  }
  const words = config?.frameworkDependent
    ? splitApphostWords(command.args)
    : { hostOptions: [], rest: command.args };
  const needs = config?.frameworkDependent
    ? `asks for ${config.frameworks.map(({ name, version }) => `${name} ${version.text}`).join(' and ')}`
    : 'brings its own runtime';
  const app = appOf(
    image,
    {
      kind: 'single-file',
      launcher: 'native',
      executable: path,
      hostOptions: words.hostOptions,
      args: words.rest,
      bundle: { id: bundle.id, majorVersion: bundle.majorVersion, extracted: bundle.extracted },
      evidence: [
        `${path} carries a bundle of version ${bundle.majorVersion} with ${bundle.files.length} files and ${needs}`,
      ],
    },
    config,
  );
  return isMusl ? asFolder(app, bundle, muslMarks(image.files, program)) : app;
}

function embeddedConfig(
  access: SyncAccess,
  bundle: Bundle,
  path: string,
  architecture: Architecture,
): RuntimeConfig | undefined {
  const file = bundle.files.find(({ type }) => type === 'runtimeconfig');
  if (file === undefined) {
    return undefined;
  }
  if (file.compressedSize !== 0 || file.size > hostJsonCap) {
    const problem = `found ${file.path} of ${file.size} bytes, compressed or too large`;
    throw unsuitable(path, problem, architecture);
  }
  return parseRuntimeConfig(access.read(file.offset, file.size), `${file.path} in ${path}`);
}
