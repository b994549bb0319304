import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The path of a program as `PATH` of `env` leads to it; undefined when none may be run. */
export function findProgram(name: string, env: NodeJS.ProcessEnv): string | undefined {
  return (env['PATH'] ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}
