import type { BrokenElf, Elf } from '../elf/elf.ts';
import { readElf } from '../elf/read.ts';
import { ConvertError } from '../error.ts';
import type { SyncAccess } from '../tree/access.ts';
import type { DotnetApp } from './app.ts';
import { describeApphost } from './apphost.ts';
import { entryPointHint, namedCandidates } from './candidates.ts';
import { appOf, type Image } from './description.ts';
import { windowsRefusal } from './foreign.ts';
import { problemOfElf } from './installed.ts';
import { unsuitable } from './managed.ts';
import {
  ilcVersion,
  looksForIcu,
  nativeAotMarks,
  readHostMarkers,
  serverPartOf,
} from './markers.ts';
import { usesMusl } from './musl.ts';
import { muslRefusal } from './musl-refusal.ts';
import { describeSingleFile } from './single-file.ts';

/**
 * The app that the executable at `path` is or starts: an apphost, a single file or Native AOT.
 * @throws ConvertError `APP_NOT_FOUND`, `APP_INVALID`, `RUNTIMECONFIG_INVALID`.
 */
export function describeExecutable(image: Image, path: string): DotnetApp {
  const app = image.files.read(path, (access) => {
    const elf = requireElf(readElf(access), access, path, image);
    const markers = readHostMarkers(access, elf);
    if (markers === undefined) {
      return describeNativeAot(image, path, elf, access);
    }
    return markers.bundleHeader === 0
      ? describeApphost(image, path, elf, markers)
      : describeSingleFile(image, path, elf, access, markers.bundleHeader);
  });
  if (app === undefined) {
    throw new TypeError(`${path} was found and is no file`);
  }
  return app;
}

function requireElf(
  elf: Elf | BrokenElf | undefined,
  access: SyncAccess,
  path: string,
  { tree, files }: Image,
): Elf {
  if (elf?.kind === 'elf') {
    return elf;
  }
  if (elf?.kind === 'broken') {
    throw unsuitable(path, `the ELF file is damaged: ${elf.reason}`, files.architecture);
  }
  const [m, z] = access.read(0, Math.min(2, access.size));
  if (m === 0x4d && z === 0x5a) {
    throw windowsRefusal(path, access, files.architecture);
  }
  throw new ConvertError(
    'APP_NOT_FOUND',
    `finding the app: the image starts ${path}, which is no ELF program; ${namedCandidates(tree)}`,
    { hint: entryPointHint(tree) },
  );
}

function describeNativeAot(image: Image, path: string, elf: Elf, access: SyncAccess): DotnetApp {
  const marks = nativeAotMarks(access, elf);
  if (marks.length < 2) {
    throw new ConvertError(
      'APP_NOT_FOUND',
      `finding the app: the image starts ${path}, a native program without the marks of .NET; ${namedCandidates(image.tree)}`,
      { hint: entryPointHint(image.tree) },
    );
  }
  if (usesMusl(elf)) {
    throw muslRefusal(image.files, 'Native AOT program', { executable: path });
  }
  const problem = problemOfElf(elf, path, image.files.architecture);
  if (problem !== undefined) {
    throw unsuitable(path, problem, image.files.architecture);
  }
  const version = ilcVersion(access, elf);
  const serverPart = serverPartOf(access, elf);
  return appOf(
    image,
    {
      kind: 'native-aot',
      launcher: 'native',
      executable: path,
      hostOptions: [],
      args: image.command.args,
      invariantGlobalization: !looksForIcu(access, elf),
      ...(version !== undefined && { version }),
      ...(serverPart !== undefined && { model: 'aspnet' }),
      evidence: [
        `${path} is compiled by Native AOT: ${marks.join(', ')}`,
        ...(serverPart === undefined ? [] : [`${path} holds the name ${serverPart}: ASP.NET Core`]),
      ],
    },
    undefined,
  );
}
