/** A package URL in its parts, decoded (ECMA-427, package-url/purl-spec). */
export interface Purl {
  readonly type: 'nuget' | 'deb' | 'apk' | 'rpm' | 'oci';
  readonly namespace?: string | undefined;
  readonly name: string;
  readonly version: string;
  readonly qualifiers?: Readonly<Record<string, string | undefined>>;
}

/** Where names have no case (purl-spec, types). */
const caseless: readonly Purl['type'][] = ['deb', 'apk', 'oci'];

/** The canonical form: lower case where a type has no case, qualifiers by name, empty ones left out. */
export function formatPurl({ type, namespace, name, version, qualifiers = {} }: Purl): string {
  const path = [
    type,
    ...(namespace ? [encode(namespace.toLowerCase())] : []),
    encode(caseless.includes(type) ? name.toLowerCase() : name),
  ].join('/');
  const query = Object.entries(qualifiers)
    .filter((entry): entry is [string, string] => Boolean(entry[1]))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${encode(value)}`)
    .join('&');
  return `pkg:${path}${version && `@${encode(version)}`}${query && `?${query}`}`;
}

/** All but letters, digits, `.`, `-`, `_`, `~` and the colon is escaped. */
function encode(text: string): string {
  return encodeURIComponent(wellFormed(text))
    .replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%3A', ':');
}

/** Halves of surrogate pairs, which JSON may hold, are no characters. */
export function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\ufffd');
}
