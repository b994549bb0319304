import type { Store } from '../../store/index.ts';
import type { Config, Mirror } from '../config.ts';
import type { OnEvent } from '../event.ts';
import type { Location } from '../oci/location.ts';
import { parseReference, type Reference } from '../oci/reference.ts';
import type { LowSpeed } from '../source/http/low-speed.ts';
import { type OpenedSource, openSource } from '../source/open.ts';
import type { RegistryOptions } from '../source/registry/registry.ts';
import { createRegistrySession } from '../source/registry/session.ts';
import { withMirrors } from './mirror.ts';

export interface OpenImageOptions {
  /** How registries are reached. */
  readonly registry?: RegistryOptions;
  readonly config?: Config;
  /** True: what an image has at URLs only is not fetched. */
  readonly offline?: boolean;
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
  const { config, offline = false, onEvent, signal } = options;
  const told = reachOf(options);
  // One session, so that the limits of connections and rate hold for registry and mirrors together.
  const registry = { ...told, session: told.session ?? createRegistrySession(told) };
  const origin = await openSource(location, {
    ...{ store, registry, offline },
    ...(signal && { signal }),
  });
  if (location.transport !== 'registry') return origin;
  const { reference } = location;
  const named = config?.mirrors[reference.registry] ?? [];
  if (named.length === 0) return origin;
  const { createRegistrySource } = await import('../source/registry/registry.ts');
  const mirrors = named.map((mirror) => {
    const { location, digestOnly = false, plainHttp } = mirror;
    // What is said of the registry's scheme is not said of the mirror's.
    const { plainHttp: _ofRegistry, ...shared } = registry;
    const reached = { ...shared, ...(plainHttp !== undefined && { plainHttp }) };
    // The URLs of a descriptor are asked once, after all mirrors and the registry.
    const source = createRegistrySource(mirrored(mirror, reference), reached);
    return { location, digestOnly, source };
  });
  const pinned = reference.digest !== undefined;
  const source = withMirrors(mirrors, origin, { pinned, onEvent });
  return { ...source, close: origin.close };
}

/** How registries are reached, with a warning for every request that is tried again. */
export function reachOf({ registry, config, onEvent }: OpenImageOptions): RegistryOptions {
  return {
    ...(config?.lowSpeed && { lowSpeed: lowSpeedOf(config.lowSpeed) }),
    ...registry,
    onEvent: ({ reason }) => onEvent?.({ event: 'warning', text: `${reason}; trying again` }),
  };
}

function lowSpeedOf({ limit, time }: NonNullable<Config['lowSpeed']>): Partial<LowSpeed> {
  return {
    ...(limit !== undefined && { limit }),
    ...(time !== undefined && { time: time * 1000 }),
  };
}

/** The same image as the mirror names it. */
function mirrored({ location }: Mirror, { repository, tag, digest }: Reference): Reference {
  const suffix = digest === undefined ? `:${tag}` : `@${digest}`;
  return parseReference(`${location}/${repository}${suffix}`);
}
