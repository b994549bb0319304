import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where a user's files and helpers are looked for. */
export interface Place {
  readonly env: NodeJS.ProcessEnv;
  readonly home: string;
}

export function thisPlace(): Place {
  return { env: process.env, home: homedir() };
}

const commonRuntime = '/run/containers';

/**
 * The files that may hold credentials, in the order in which they count: `REGISTRY_AUTH_FILE` alone,
 * or podman's two and docker's (containers-auth.json(5)).
 */
export function authFilesOf(place: Place): readonly string[] {
  const { env, home } = place;
  const chosen = env['REGISTRY_AUTH_FILE'];
  if (chosen) return [chosen];
  const runtime = env['XDG_RUNTIME_DIR'] || `${commonRuntime}/${process.getuid?.() ?? 0}`;
  const podman = env['XDG_RUNTIME_DIR'] ? join(runtime, 'containers') : runtime;
  const config = env['XDG_CONFIG_HOME'] || join(home, '.config');
  return [
    join(podman, 'auth.json'),
    join(config, 'containers/auth.json'),
    writtenAuthFileOf(place),
  ];
}

/**
 * True of podman's file below `/run/containers`, a folder that root's podman makes for itself alone: then
 * nobody else has anything in it.
 */
export function isOfRootsRuntime(path: string): boolean {
  return path.startsWith(`${commonRuntime}/`);
}

/** The file a login writes: the one every tool of the field reads. */
export function writtenAuthFileOf({ env, home }: Place): string {
  const docker = env['DOCKER_CONFIG'] || join(home, '.docker');
  return env['REGISTRY_AUTH_FILE'] || join(docker, 'config.json');
}
