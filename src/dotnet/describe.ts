import { ConvertError } from '../error.ts';
import type { ExecutionConfig } from '../oci/config.ts';
import type { Contents } from '../tree/contents.ts';
import type { Tree } from '../tree/tree.ts';
import type { DotnetApp } from './app.ts';
import type { Architecture } from './architecture.ts';
import { entryPointHint, namedCandidates } from './candidates.ts';
import { baseName } from './command.ts';
import type { Image } from './description.ts';
import { describeExecutable } from './executable.ts';
import { filesOfTree } from './files.ts';
import { isWindowsCommand, monoRefusal } from './foreign.ts';
import { unsuitable } from './managed.ts';
import { muslMarks } from './musl.ts';
import { describeMuxer } from './muxer.ts';
import { findProgram } from './program.ts';
import { commandOf } from './unwrap.ts';

/**
 * Finds the .NET app an image starts, from Entrypoint, Cmd, WorkingDir and Env and the files they name.
 * @param architecture of its platform; `x64` when absent.
 * @throws ConvertError `APP_NOT_FOUND`, `APP_INVALID`, `SHELL_ENTRYPOINT`, `RUNTIMECONFIG_INVALID`;
 * for a damaged store see `Contents.readInto`.
 */
export function describeApp(
  tree: Tree,
  contents: Contents,
  config: ExecutionConfig,
  architecture: Architecture = 'x64',
): DotnetApp {
  const root = { tree, files: filesOfTree(tree, contents, architecture) };
  const image = { ...root, command: commandOf(config, root) };
  const app = describeProgram(image);
  const musl = app.musl ?? muslMarks(image.files, app);
  return musl.length === 0 ? app : { ...app, musl, evidence: [...app.evidence, ...musl] };
}

function describeProgram(image: Image): DotnetApp {
  const program = findProgram(image, image.command);
  const { name } = image.command;
  if (/^mono(?:-sgen)?$/.test(baseName(program?.path ?? name))) {
    throw monoRefusal(image.command.shown);
  }
  if (baseName(program?.path ?? name) === 'dotnet') {
    return describeMuxer(image, program?.path);
  }
  if (program === undefined && isWindowsCommand(name)) {
    const problem = 'found a program of Windows, wanted an image for Linux';
    throw unsuitable(name, problem, image.files.architecture);
  }
  if (program === undefined) {
    throw new ConvertError(
      'APP_NOT_FOUND',
      `finding the app: the image starts ${JSON.stringify(name.slice(0, 400))}, and that is no file in it; ${namedCandidates(image.tree)}`,
      { hint: entryPointHint(image.tree) },
    );
  }
  return describeExecutable(image, program.path);
}
