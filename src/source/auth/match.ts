/** The names under which tools keep what is for Docker Hub. */
const hubHosts: readonly string[] = ['docker.io', 'index.docker.io', 'registry-1.docker.io'];

/** The key under which docker keeps what is for Docker Hub, and by which it asks helpers. */
export const hubKey = 'https://index.docker.io/v1/';

/**
 * The keys of an auth file that are for `repository` of `registry`, the most specific first: a host
 * and its port must be equal, and below it whole components of the path (containers-auth.json(5)).
 * Without a repository, those of the registry itself.
 */
export function matchingKeys(
  keys: Iterable<string>,
  registry: string,
  repository?: string,
): readonly string[] {
  const wanted = repository === undefined ? registry : `${registry}/${repository}`;
  return [...keys]
    .map((key) => ({ key, place: placeOf(key) }))
    .filter(({ place }) => wanted === place || wanted.startsWith(`${place}/`))
    .sort((a, b) => b.place.length - a.place.length)
    .map(({ key }) => key);
}

/** True for a key of a whole registry, in any of its spellings. */
export function isKeyOf(key: string, registry: string): boolean {
  return placeOf(key) === registry;
}

/** The key a login is kept under. */
export function keyOf(registry: string): string {
  return registry === 'docker.io' ? hubKey : registry;
}

/** `host[:port][/path]` of a key. Docker's keys may be URLs, of which only the host counts. */
function placeOf(key: string): string {
  const bare = key.replace(/^https?:\/\//i, '');
  const isUrl = bare !== key || /^[^/]*\/v[12]\/$/.test(bare);
  const [host = '', ...path] = bare.split('/');
  const registry = hubHosts.includes(host.toLowerCase()) ? 'docker.io' : host.toLowerCase();
  return isUrl ? registry : [registry, ...path].join('/').replace(/\/+$/, '');
}
