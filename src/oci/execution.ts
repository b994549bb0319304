import type { ExecutionConfig } from './config.ts';

/** What a user wants to run otherwise than the image says, as `docker run` takes it. */
export interface ExecutionOverrides {
  /** In place of the image's Entrypoint, and of its Cmd, which was meant for that. */
  readonly entrypoint?: readonly string[];
  readonly cmd?: readonly string[];
  readonly workingDirectory?: string;
  /** Besides the image's variables, or instead of those of the same names; undefined takes one away. */
  readonly env?: Variables;
}

export type Variables = ReadonlyMap<string, string | undefined>;

/** The config of an image as the user wants it run (OCI image-spec, config.md, `config`). */
export function overrideExecution(
  config: ExecutionConfig,
  { entrypoint, cmd, workingDirectory, env = new Map() }: ExecutionOverrides,
): ExecutionConfig {
  return {
    ...config,
    Entrypoint: entrypoint ?? config.Entrypoint,
    Cmd: cmd ?? (entrypoint === undefined ? config.Cmd : []),
    WorkingDir: workingDirectory ?? config.WorkingDir,
    Env: [
      ...config.Env.filter((variable) => !env.has(nameIn(variable))),
      ...[...definedOf(env)].map(([name, value]) => `${name}=${value}`),
    ],
  };
}

/** The variables that have a value. */
export function definedOf(variables: Variables): ReadonlyMap<string, string> {
  const defined = new Map<string, string>();
  for (const [name, value] of variables) if (value !== undefined) defined.set(name, value);
  return defined;
}

function nameIn(variable: string): string {
  const equals = variable.indexOf('=');
  return equals === -1 ? variable : variable.slice(0, equals);
}
