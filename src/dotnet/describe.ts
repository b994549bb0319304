import { ConvertError } from '../error.ts';
import type { ExecutionConfig } from '../oci/config.ts';
import type { Contents } from '../tree/contents.ts';
import type { Tree } from '../tree/tree.ts';
import type { DotnetApp } from './app.ts';
import { namedCandidates } from './candidates.ts';
import { baseName, commandOf, entryPointHint } from './command.ts';
import { describeExecutable } from './executable.ts';
import { filesOfTree } from './files.ts';
import { describeMuxer } from './muxer.ts';
import { findProgram } from './program.ts';

/**
 * Finds the .NET app an image starts, from Entrypoint, Cmd, WorkingDir and Env and the files they name.
 * @throws ConvertError `APP_NOT_FOUND`, `APP_INVALID`, `SHELL_ENTRYPOINT`, `RUNTIMECONFIG_INVALID`;
 * for a damaged store see `Contents.readInto`.
 */
export function describeApp(tree: Tree, contents: Contents, config: ExecutionConfig): DotnetApp {
  const image = { tree, files: filesOfTree(tree, contents), command: commandOf(config) };
  const program = findProgram(image.files, image.command);
  const { name } = image.command;
  if (baseName(program?.path ?? name) === 'dotnet') {
    return describeMuxer(image, program?.path);
  }
  if (program === undefined) {
    throw new ConvertError(
      'APP_NOT_FOUND',
      `finding the app: the image starts ${JSON.stringify(name)}, and that is no file in it; ${namedCandidates(tree)}`,
      { hint: entryPointHint },
    );
  }
  return describeExecutable(image, program.path);
}
