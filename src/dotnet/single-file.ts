import type { Elf } from '../elf/elf.ts';
import type { SyncAccess } from '../tree/access.ts';
import type { DotnetApp } from './app.ts';
import { type Bundle, readBundle } from './bundle.ts';
import { appOf, type Image } from './description.ts';
import { splitApphostWords } from './host-options.ts';
import { problemOfElf } from './installed.ts';
import { unsuitable } from './managed.ts';
import { hostJsonCap, parseRuntimeConfig, type RuntimeConfig } from './runtimeconfig.ts';

/** An executable with the app, and mostly the runtime too, appended as a bundle. */
export function describeSingleFile(
  image: Image,
  path: string,
  elf: Elf,
  access: SyncAccess,
  headerOffset: number,
): DotnetApp {
  const problem = problemOfElf(elf, path);
  if (problem !== undefined) {
    throw unsuitable(path, problem);
  }
  const bundle = readBundle(access, headerOffset);
  if (typeof bundle === 'string') {
    throw unsuitable(path, bundle);
  }
  const { command } = image;
  const config = embeddedConfig(access, bundle, path);
  const words = config?.frameworkDependent
    ? splitApphostWords(command.args)
    : { hostOptions: [], rest: command.args };
  const needs = config?.frameworkDependent
    ? `asks for ${config.frameworks.map(({ name, version }) => `${name} ${version.text}`).join(' and ')}`
    : 'brings its own runtime';
  return appOf(
    image,
    {
      kind: 'single-file',
      launcher: 'native',
      executable: path,
      hostOptions: words.hostOptions,
      args: words.rest,
      bundle: { id: bundle.id, majorVersion: bundle.majorVersion, extracted: bundle.extracted },
      aspnet: bundle.files.some((file) => file.path.startsWith('Microsoft.AspNetCore.')),
      evidence: [
        `the image starts ${command.shown} in ${command.workingDirectory}`,
        `${path} carries a bundle of version ${bundle.majorVersion} with ${bundle.files.length} files and ${needs}`,
      ],
    },
    config,
  );
}

function embeddedConfig(
  access: SyncAccess,
  bundle: Bundle,
  path: string,
): RuntimeConfig | undefined {
  const file = bundle.files.find(({ type }) => type === 'runtimeconfig');
  if (file === undefined) {
    return undefined;
  }
  if (file.compressedSize !== 0 || file.size > hostJsonCap) {
    throw unsuitable(path, `found ${file.path} of ${file.size} bytes, compressed or too large`);
  }
  return parseRuntimeConfig(access.read(file.offset, file.size), `${file.path} in ${path}`);
}
