import { type Digest, parseDigest } from '../../store/index.ts';
import { ConvertError } from '../error.ts';
import { shellWord } from '../shell-word.ts';
import { formatReference, parseReference, type Reference } from './reference.ts';

/** Where an image is to be read, in the words of containers-transports(5). */
export type Location =
  | { readonly transport: 'registry'; readonly reference: Reference }
  | {
      readonly transport: 'oci' | 'oci-archive' | 'docker-archive';
      /** A folder or a file, as written. */
      readonly path: string;
      /** Never beside a digest. */
      readonly tag?: string;
      readonly digest?: Digest;
    }
  | { readonly transport: 'store'; readonly name: string };

/** Every location but those in a registry: nothing of the network is needed to read them. */
export type LocalLocation = Exclude<Location, { transport: 'registry' }>;

/**
 * Reads a reference as the other tools for images write it: `docker://NAME`, `oci:DIR[:TAG|@DIGEST]`,
 * `oci-archive:FILE[:TAG|@DIGEST]`, `docker-archive:FILE[:NAME[:TAG]|@DIGEST]`, `store:NAME`;
 * anything else is the name of an image in a registry. A path ends at its first colon, as it does in skopeo.
 * @throws ConvertError `REFERENCE_INVALID`, saying which part is wrong.
 */
export function parseLocation(text: string): Location {
  const [, transport, rest = ''] =
    /^(docker:\/\/|oci:|oci-archive:|docker-archive:|store:)(.*)$/s.exec(text) ?? [];
  switch (transport) {
    case 'docker://':
      return { transport: 'registry', reference: parseReference(rest) };
    case 'oci:':
      return { transport: 'oci', ...fileOf(text, rest) };
    case 'oci-archive:':
      return { transport: 'oci-archive', ...fileOf(text, rest) };
    case 'docker-archive:': {
      const file = fileOf(text, rest);
      // Refused where it is written: no docker-archive can hold an image of another name.
      if (file.tag !== undefined) parseReference(file.tag);
      return { transport: 'docker-archive', ...file };
    }
    case 'store:':
      if (rest === '') throw refusal(text, 'found no name after "store:"', 'osv-convert images');
      return { transport: 'store', name: rest };
    default:
      refuseForeign(text);
      return { transport: 'registry', reference: parseReference(text) };
  }
}

/** The text that `parseLocation` reads as `location`. */
export function formatLocation(location: Location): string {
  switch (location.transport) {
    case 'registry':
      return formatReference(location.reference);
    case 'store':
      return `store:${location.name}`;
    default: {
      const { transport, path, tag, digest } = location;
      const suffix = digest === undefined ? (tag === undefined ? '' : `:${tag}`) : `@${digest}`;
      return `${transport}:${path}${suffix}`;
    }
  }
}

/**
 * The name an image from `location` gets in the store. A registry's is its reference. A file's tag
 * that is the name of an image (`acme/app:1`) is that name; any other becomes
 * `localhost/LAST-PART-OF-THE-PATH:TAG`, which podman, skopeo and umoci take as a name too. Two
 * files may share a name, and a file may change: what the store has under it may be another image.
 */
export function nameOf(location: Location): string {
  switch (location.transport) {
    case 'registry':
      return formatReference(location.reference);
    case 'store':
      return location.name;
    default: {
      const { transport, path, tag, digest } = location;
      const isName = transport === 'docker-archive' && tag !== undefined;
      return isName ? formatReference(parseReference(tag)) : nameOfFile(path, tag, digest);
    }
  }
}

/** The name in the store of what is called `tag` inside the file or folder `path`. */
export function nameOfFile(path: string, tag: string | undefined, digest?: Digest): string {
  if (digest !== undefined) return `localhost/${stemOf(path)}@${digest}`;
  if (tag === undefined) return `localhost/${stemOf(path)}:latest`;
  return fullNameOf(tag) ?? `localhost/${stemOf(path)}:${plainTag(tag)}`;
}

/** The full name that `text` is short for, or undefined when it is a mere tag or no name at all. */
export function fullNameOf(text: string): string | undefined {
  if (!/[/:@]/.test(text)) return undefined;
  try {
    return formatReference(parseReference(text));
  } catch {
    return undefined;
  }
}

function fileOf(text: string, rest: string): { path: string; tag?: string; digest?: Digest } {
  const [, before, after] = /^([^:]*)@(sha256:.*)$/s.exec(rest) ?? [];
  if (before === undefined || after === undefined) return splitPath(text, rest);
  return { path: pathOf(text, before), digest: digestOf(text, after) };
}

function splitPath(text: string, rest: string): { path: string; tag?: string } {
  const colon = rest.indexOf(':');
  if (colon === -1) return { path: pathOf(text, rest) };
  const tag = rest.slice(colon + 1);
  if (tag === '' || /[\0-\x20\x7f]/.test(tag)) {
    const hint = 'leave the colon out to take the only image';
    throw refusal(text, `found the tag ${JSON.stringify(tag.slice(0, 80))}`, hint);
  }
  return { path: pathOf(text, rest.slice(0, colon)), tag };
}

function pathOf(text: string, path: string): string {
  if (path === '' || path.includes('\0')) {
    throw refusal(text, `found ${path === '' ? 'no path' : 'a NUL in the path'}`, usage);
  }
  return path;
}

function digestOf(text: string, digest: string): Digest {
  try {
    return parseDigest(digest);
  } catch {
    const found = `found the digest ${JSON.stringify(digest.slice(0, 80))}`;
    throw refusal(text, found, 'write the digest as @sha256: and 64 lower-case hex digits');
  }
}

/** Names that could only be wrong guesses at a transport or a file. */
function refuseForeign(text: string): void {
  const [, transport, image = ''] = /^(docker-daemon|containers-storage):(.*)$/s.exec(text) ?? [];
  if (transport !== undefined) {
    const found = 'found the transport of a daemon or of another storage';
    const program = transport === 'docker-daemon' ? 'docker' : 'podman';
    const hint = `${program} save ${shellWord(image || 'IMAGE')} -o image.tar`;
    throw refusal(text, found, `${hint}\nand then name it: docker-archive:image.tar`);
  }
  if (/^(\.{0,2}|~)\//.test(text)) {
    throw refusal(text, 'found a path without a transport', usage);
  }
}

const usage = 'write oci:DIR[:TAG], oci-archive:FILE[:TAG] or docker-archive:FILE[:NAME:TAG]';

function refusal(text: string, found: string, hint: string): ConvertError {
  const shown = JSON.stringify(text.length > 120 ? `${text.slice(0, 120)}…` : text);
  return new ConvertError(
    'REFERENCE_INVALID',
    `reading the reference ${shown}: ${found}, wanted TRANSPORT:PATH[:NAME] or the name of an image`,
    { hint },
  );
}

/** The last part of a path without the endings of archives, as one component of a name. */
function stemOf(path: string): string {
  const last = path.split('/').findLast((part) => /[A-Za-z0-9]/.test(part)) ?? '';
  const stem = last.replace(/\.(?:tar|tgz|tar\.gz|tar\.zst)$/i, '');
  return wordOf(stem.toLowerCase(), /[^a-z0-9]+/g) || 'image';
}

function plainTag(tag: string): string {
  return wordOf(tag, /[^A-Za-z0-9]*[^A-Za-z0-9_.-][^A-Za-z0-9]*/g).slice(0, 128) || 'latest';
}

/** What is foreign to a name becomes one `-` each, and none at the ends. */
function wordOf(text: string, foreign: RegExp): string {
  return text.replace(foreign, '-').replace(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, '');
}
