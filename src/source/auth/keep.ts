import { randomBytes } from 'node:crypto';
import { mkdir, open, realpath, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ConvertError } from '../../error.ts';
import { type JsonObject, readAuthFile } from './auth-file.ts';
import type { BasicCredentials } from './credentials.ts';
import { askHelper, eraseWithHelper, shownHelper, storeWithHelper } from './helper.ts';
import { hubKey, isKeyOf, keyOf } from './match.ts';
import { authFilesOf, type Place, thisPlace, writtenAuthFileOf } from './place.ts';

/**
 * Keeps the password for a registry with the helper that the auth file names, else in the file itself:
 * `REGISTRY_AUTH_FILE` or docker's. Returns where, for people.
 * @throws ConvertError `CREDENTIALS_INVALID`, `OUTPUT_UNUSABLE`.
 */
export async function keepCredentials(
  registry: string,
  { username, password }: Pick<BasicCredentials, 'username' | 'password'>,
  place: Place = thisPlace(),
): Promise<string> {
  const path = writtenAuthFileOf(place);
  const file = await readAuthFile(path);
  const name = file?.helperFor(registry);
  if (name !== undefined) {
    const helper = { name, file: path, env: place.env };
    await storeWithHelper(helper, keyOf(registry), username, password);
    return shownHelper(helper);
  }
  const auth = Buffer.from(`${username}:${password}`).toString('base64');
  const others = without(file?.auths ?? {}, registry);
  await replace(path, { ...file?.content, auths: { ...others, [keyOf(registry)]: { auth } } });
  return path;
}

/**
 * Forgets what is kept for a whole registry, in every file that counts and by the helpers they name.
 * Returns the files and helpers, for people.
 * @throws ConvertError `CREDENTIALS_INVALID`, `OUTPUT_UNUSABLE`.
 */
export async function forgetCredentials(
  registry: string,
  place: Place = thisPlace(),
): Promise<readonly string[]> {
  const forgotten: string[] = [];
  for (const path of authFilesOf(place)) {
    const file = await readAuthFile(path);
    if (file === undefined) continue;
    const name = file.helperFor(registry);
    const helper = name === undefined ? undefined : { name, file: path, env: place.env };
    if (helper !== undefined && (await askHelper(helper, registry)) !== undefined) {
      for (const server of registry === 'docker.io' ? [hubKey, registry] : [registry]) {
        await eraseWithHelper(helper, server);
      }
      forgotten.push(shownHelper(helper));
    }
    const auths = without(file.auths, registry);
    if (Object.keys(auths).length < Object.keys(file.auths).length) {
      await replace(path, { ...file.content, auths });
      forgotten.push(path);
    }
  }
  return forgotten;
}

function without(auths: JsonObject, registry: string): JsonObject {
  return Object.fromEntries(Object.entries(auths).filter(([key]) => !isKeyOf(key, registry)));
}

/** All or nothing, and for the user's eyes only; a link to the file stays a link. */
async function replace(path: string, content: JsonObject): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const target = await realpath(path).catch(() => path);
    const draft = join(dirname(target), `.${randomBytes(8).toString('hex')}.tmp`);
    try {
      const file = await open(draft, 'wx', 0o600);
      try {
        await file.writeFile(`${JSON.stringify(content, undefined, '\t')}\n`);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(draft, target);
    } finally {
      await rm(draft, { force: true });
    }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    throw new ConvertError(
      'OUTPUT_UNUSABLE',
      `writing ${path}: found ${String(code)}, wanted a file that can be replaced`,
      { hint: 'choose another by REGISTRY_AUTH_FILE=/path/auth.json' },
    );
  }
}
