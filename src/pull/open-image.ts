import type { Store } from '../../store/index.ts';
import type { Config, Mirror } from '../config.ts';
import type { OnEvent } from '../event.ts';
import type { Location } from '../oci/location.ts';
import { parseReference, type Reference } from '../oci/reference.ts';
import { type OpenedSource, openSource } from '../source/open.ts';
import type { RegistryOptions } from '../source/registry/registry.ts';
import { createRegistrySession } from '../source/registry/session.ts';
import { withMirrors } from './mirror.ts';

export interface OpenImageOptions {
  /** How registries are reached. */
  readonly registry?: RegistryOptions;
  readonly config?: Config;
  readonly onEvent?: OnEvent;
  readonly signal?: AbortSignal;
}

/**
 * The image at `location`; one in a registry behind the mirrors that the configuration names for it.
 * @throws ConvertError the codes of `openSource`.
 */
export async function openImage(
  store: Store,
  location: Location,
  options: OpenImageOptions,
): Promise<OpenedSource> {
  const { config, onEvent, signal } = options;
  const told = reachOf(options);
  // One session, so that the limits of connections and rate hold for registry and mirrors together.
  const registry = { ...told, session: told.session ?? createRegistrySession(told) };
  const open = (location: Location, registry: RegistryOptions) =>
    openSource(location, { store, registry, ...(signal && { signal }) });

  const origin = await open(location, registry);
  if (location.transport !== 'registry') return origin;
  const { reference } = location;
  const mirrors = (config?.mirrors[reference.registry] ?? []).map(async (mirror) => {
    const { location, digestOnly = false, plainHttp } = mirror;
    // What is said of the registry's scheme is not said of the mirror's.
    const { plainHttp: _ofRegistry, ...shared } = registry;
    const reached = { ...shared, ...(plainHttp !== undefined && { plainHttp }) };
    const at: Location = { transport: 'registry', reference: mirrored(mirror, reference) };
    return { location, digestOnly, source: await open(at, reached) };
  });
  if (mirrors.length === 0) return origin;
  const pinned = reference.digest !== undefined;
  const source = withMirrors(await Promise.all(mirrors), origin, { pinned, onEvent });
  return { ...source, close: origin.close };
}

/** How registries are reached, with a warning for every request that is tried again. */
export function reachOf({ registry, onEvent }: OpenImageOptions): RegistryOptions {
  return {
    ...registry,
    onEvent: ({ reason }) => onEvent?.({ event: 'warning', text: `${reason}; trying again` }),
  };
}

/** The same image as the mirror names it. */
function mirrored({ location }: Mirror, { repository, tag, digest }: Reference): Reference {
  const suffix = digest === undefined ? `:${tag}` : `@${digest}`;
  return parseReference(`${location}/${repository}${suffix}`);
}
