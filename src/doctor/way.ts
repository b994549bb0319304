import { type Platform, parsePlatform } from '../oci/platform.ts';
import { parseReference, type Reference } from '../oci/reference.ts';
import type { HttpClient } from '../source/http/client.ts';
import { createTransport, type Transport } from '../source/http/transport.ts';
import { createRegistryApi, type RegistryApi } from '../source/registry/api.ts';
import { createRegistrySession, type RegistryOptions } from '../source/registry/session.ts';

export interface WayOptions {
  /** `os/architecture[/variant]`; `linux/amd64` when absent. */
  readonly platform?: string;
  /** How the registry is reached. */
  readonly registry?: RegistryOptions;
  readonly signal?: AbortSignal;
}

/** The way of a pull, as far as it is known from the start. */
export interface Way {
  readonly reference: Reference;
  readonly platform: Platform;
  readonly settings: RegistryOptions;
  readonly transport: Transport;
  readonly api: RegistryApi;
  /** Authorized like `api`, but what comes back is shown as it is: no redirect is followed. */
  readonly direct: RegistryApi;
  readonly signal: AbortSignal | undefined;
}

/** @throws ConvertError `REFERENCE_INVALID`, `PLATFORM_INVALID`. */
export function wayTo(text: string, { platform, registry, signal }: WayOptions): Way {
  const reference = parseReference(text.replace(/^docker:\/\//, ''));
  const retry = { tries: 1, firstDelay: 0, longestDelay: 0, budget: 0 };
  const settings = { ...registry, retry };
  const transport = createTransport(settings);
  const session = createRegistrySession(settings);
  const plain: HttpClient = { ...session.http, send: (request) => transport(request) };
  return {
    reference,
    platform: parsePlatform(platform ?? 'linux/amd64'),
    settings: { ...settings, session },
    transport,
    api: createRegistryApi(reference, { ...settings, session }),
    direct: createRegistryApi(reference, { ...settings, session: { ...session, http: plain } }),
    signal,
  };
}
