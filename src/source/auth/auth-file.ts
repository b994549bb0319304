import { readFile, stat } from 'node:fs/promises';
import { ConvertError } from '../../error.ts';
import type { Credentials } from './credentials.ts';
import { hubKey } from './match.ts';
import { isOfRootsRuntime } from './place.ts';

/** Bytes above which a file is no auth file. */
const sizeCap = 4 * 1024 * 1024;

export type JsonObject = Readonly<Record<string, unknown>>;

/** A JSON file in the shape of docker's config.json or podman's auth.json. */
export interface AuthFile {
  readonly path: string;
  /** All of it: what other tools keep there is theirs. */
  readonly content: JsonObject;
  /** By keys such as `quay.io`, `quay.io/acme` or `https://index.docker.io/v1/`. */
  readonly auths: JsonObject;
  /** The helper for a registry, `docker-credential-NAME` without its prefix. */
  helperFor(registry: string): string | undefined;
}

/**
 * Reads an auth file; undefined where there is none.
 * @throws ConvertError `CREDENTIALS_INVALID`, naming the file and nothing that stands in it.
 */
export async function readAuthFile(path: string): Promise<AuthFile | undefined> {
  const text = await readText(path);
  if (text === undefined) return undefined;
  const content = text.trim() === '' ? {} : parseObject(text, path);
  const auths = objectAt(content, 'auths', path);
  const helpers = objectAt(content, 'credHelpers', path);
  return {
    path,
    content,
    auths,
    helperFor(registry) {
      const keys = registry === 'docker.io' ? [registry, hubKey, 'index.docker.io'] : [registry];
      const own = keys.map((key) => ownValue(helpers, key)).find((name) => name !== undefined);
      const name = own ?? ownValue(content, 'credsStore');
      if (name === undefined || name === '') return undefined;
      if (typeof name !== 'string' || !/^[A-Za-z0-9._-]+$/.test(name)) {
        throw invalid(path, `a credential helper that is no plain name, for ${registry}`);
      }
      return name;
    },
  };
}

/**
 * The credentials of an entry of `auths`; undefined for an empty one, which docker writes beside a
 * helper.
 * @throws ConvertError `CREDENTIALS_INVALID`.
 */
export function credentialsAt(file: AuthFile, key: string): Credentials | undefined {
  const entry = ownValue(file.auths, key);
  const refuse = () => invalid(file.path, `an entry for ${key} that cannot be read`);
  if (!isObject(entry)) throw refuse();
  const word = (name: string): string => {
    const value = ownValue(entry, name) ?? '';
    if (typeof value !== 'string') throw refuse();
    return value;
  };
  const origin = file.path;
  const token = word('identitytoken');
  if (token !== '') return { kind: 'identity-token', token, origin };
  const auth = word('auth');
  if (auth === '') {
    const [username, password] = [word('username'), word('password')];
    return username === '' ? undefined : { kind: 'basic', username, password, origin };
  }
  // Docker pads with zero bytes.
  const [pair, username, password] =
    /^([^:]+):(.*?)\0*$/s.exec(Buffer.from(auth, 'base64').toString('utf8')) ?? [];
  if (pair === undefined || username === undefined || password === undefined) throw refuse();
  return { kind: 'basic', username, password, origin };
}

async function readText(path: string): Promise<string | undefined> {
  try {
    const { size } = await stat(path);
    if (size > sizeCap) throw invalid(path, `${size} bytes`);
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof ConvertError) throw error;
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    if (code === 'EACCES' && isOfRootsRuntime(path)) return undefined;
    throw invalid(path, `no readable file (${String(code)})`);
  }
}

/** What JSON.parse says quotes the text, which holds secrets. */
function parseObject(text: string, path: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid(path, 'text that is not JSON');
  }
  if (!isObject(value)) throw invalid(path, 'JSON that is no object');
  return value;
}

function objectAt(content: JsonObject, name: string, path: string): JsonObject {
  const value = ownValue(content, name) ?? {};
  if (!isObject(value)) throw invalid(path, `a member ${name} that is no object`);
  return value;
}

function ownValue(object: JsonObject, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(path: string, found: string): ConvertError {
  return new ConvertError(
    'CREDENTIALS_INVALID',
    `reading the credentials in ${path}: found ${found}, wanted a file as docker login writes it`,
    { hint: `mend ${path}, or move it away and use: osv-convert login HOST` },
  );
}
