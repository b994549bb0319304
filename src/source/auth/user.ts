import { type AuthFile, credentialsAt, readAuthFile } from './auth-file.ts';
import type { CredentialSource, Credentials } from './credentials.ts';
import { askHelper } from './helper.ts';
import { isKeyOf, matchingKeys } from './match.ts';
import { authFilesOf, type Place, thisPlace } from './place.ts';

/**
 * What the user has stored on this machine, by docker, podman or `osv-convert login`. The first file
 * that has something counts. Within a file: an entry for a part of the registry, then the helper, then
 * the entry for the whole registry, which docker ignores too where there is a helper.
 */
export function userCredentials(place: Place = thisPlace()): CredentialSource {
  return {
    async find(registry, repository) {
      for (const path of authFilesOf(place)) {
        const file = await readAuthFile(path);
        const found = file && (await findIn(file, place, registry, repository));
        if (found !== undefined) return found;
      }
      return undefined;
    },
  };
}

async function findIn(
  file: AuthFile,
  { env }: Place,
  registry: string,
  repository: string | undefined,
): Promise<Credentials | undefined> {
  const keys = matchingKeys(Object.keys(file.auths), registry, repository);
  const isWhole = (key: string) => isKeyOf(key, registry);
  const name = file.helperFor(registry);
  return (
    firstOf(
      file,
      keys.filter((key) => !isWhole(key)),
    ) ??
    (name === undefined ? undefined : await askHelper({ name, file: file.path, env }, registry)) ??
    firstOf(file, keys.filter(isWhole))
  );
}

function firstOf(file: AuthFile, keys: readonly string[]): Credentials | undefined {
  for (const key of keys) {
    const credentials = credentialsAt(file, key);
    if (credentials !== undefined) return credentials;
  }
  return undefined;
}
