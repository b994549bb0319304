import { ConvertError } from '../error.ts';

/** A file or folder of this host that goes into a guest. */
export interface HostAddition {
  /** As given: relative to the working directory. */
  readonly source: string;
  readonly target: Target;
}

/** A file or folder of another image that goes into a guest. */
export interface ImageAddition {
  /** As `parseLocation` reads it. */
  readonly reference: string;
  /** Absolute in that image. */
  readonly path: string;
  readonly target: Target;
}

/** Where in the guest it is to be. */
export interface Target {
  /** Absolute, without `.`, `..` and a slash at its end; `''` is the root. */
  readonly path: string;
  /** Under its own name in the folder `path`, which is made where there is none. */
  readonly isFolder: boolean;
}

/**
 * Reads `HOST:GUEST`. GUEST begins behind the last colon that a slash follows.
 * @throws ConvertError `USAGE`.
 */
export function parseHostAddition(text: string): HostAddition {
  const [, source, target] = /^(.+):(\/.*)$/s.exec(text) ?? [];
  if (source === undefined || target === undefined) {
    throw refusal('--add', `found ${shown(text)}, wanted HOST:GUEST with an absolute GUEST`);
  }
  if (source.includes('\0')) throw refusal('--add', 'found a NUL in a path, wanted text');
  return { source, target: parseTarget('--add', target) };
}

/** The colon of a transport is none before PATH, even where nothing else is left. */
const copyShape =
  /^((?:docker:\/\/|(?:oci|oci-archive|docker-archive|store):|(?!(?:docker|oci|oci-archive|docker-archive|store):)).+?):(\/.*)$/s;

/**
 * Reads `REF:PATH[:GUEST]`. PATH begins behind the first colon that a slash follows, the one of a
 * transport (`oci:/folder`, `docker://`) not counted, and GUEST behind the next; without it, PATH is
 * where it goes.
 * @throws ConvertError `USAGE`.
 */
export function parseImageAddition(text: string): ImageAddition {
  const [, reference, paths] = copyShape.exec(text) ?? [];
  if (reference === undefined || paths === undefined) {
    throw refusal('--copy-from', `found ${shown(text)}, wanted REF:PATH or REF:PATH:GUEST`);
  }
  const colon = paths.indexOf(':/');
  const source = parseTarget('--copy-from', colon === -1 ? paths : paths.slice(0, colon));
  const target = colon === -1 ? undefined : paths.slice(colon + 1);
  return {
    reference,
    path: source.path === '' ? '/' : source.path,
    target:
      target === undefined ? { ...source, isFolder: false } : parseTarget('--copy-from', target),
  };
}

function parseTarget(option: string, text: string): Target {
  const names = text.split('/').filter((name) => name !== '');
  if (names.some((name) => name === '.' || name === '..' || name.includes('\0'))) {
    throw refusal(option, `found "." or ".." in ${shown(text)}, wanted the names of folders`);
  }
  return { path: names.map((name) => `/${name}`).join(''), isFolder: text.endsWith('/') };
}

function shown(text: string): string {
  return JSON.stringify(text.length > 160 ? `${text.slice(0, 160)}…` : text);
}

function refusal(option: string, problem: string): ConvertError {
  return new ConvertError('USAGE', `reading ${option}: ${problem}`, {
    hint:
      option === '--add'
        ? '--add ./appsettings.json:/app/appsettings.json\n--add ./fonts:/usr/share/fonts/'
        : '--copy-from mcr.microsoft.com/dotnet/runtime:10.0:/usr/share/dotnet\n--copy-from oci:DIR:TAG:/usr/lib/libfoo.so:/usr/lib/',
  });
}
