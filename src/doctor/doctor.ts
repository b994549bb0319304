import type { ConvertError } from '../error.ts';
import { formatReference } from '../oci/reference.ts';
import { checkCertificate, checkName, checkPort } from './connection.ts';
import { checkDataHost, checkLayer } from './data.ts';
import { createSteps, type Step, type StepsOptions } from './diagnosis.ts';
import { checkAccess, checkApi, checkCredentials, checkManifest } from './registry.ts';
import { type WayOptions, wayTo } from './way.ts';

export interface DiagnoseOptions extends WayOptions, StepsOptions {}

export interface Diagnosis {
  /** The full name. */
  readonly reference: string;
  /** Origin of the registry's API. */
  readonly endpoint: string;
  readonly steps: readonly Step[];
  /** Of the step that failed. */
  readonly failure?: ConvertError;
}

/**
 * Goes the way of a pull of `text` step by step and tells what it finds: the name, the connection,
 * the certificate, the API, the credentials (where they are from, never what they are), the manifest,
 * and the first layer, on the registry and on the host it sends us to. Nothing is tried twice; after a
 * failure the rest is skipped.
 * @throws ConvertError `REFERENCE_INVALID`, `PLATFORM_INVALID`; all else is told in the steps.
 */
export async function diagnose(text: string, options: DiagnoseOptions = {}): Promise<Diagnosis> {
  const way = wayTo(text, options);
  const { endpoint, name } = way.api;
  const steps = createSteps(options);
  await steps.run('resolve', `looking up ${endpoint.host}`, () => checkName(way));
  await steps.run('connect', `connecting to ${endpoint.host}`, () => checkPort(way));
  await steps.run('tls', `shaking hands with ${endpoint.host}`, () => checkCertificate(way));
  await steps.run('api', `asking ${endpoint.host} for its API`, () => checkApi(way));
  await steps.run('credentials', 'looking for credentials', () => checkCredentials(way));
  await steps.run('authenticate', `asking to read ${name}`, () => checkAccess(way));
  const layer = await steps.run('manifest', `fetching the manifest of ${name}`, () =>
    checkManifest(way),
  );
  const next = await steps.run('layer', `asking ${endpoint.host} for a layer`, () =>
    checkLayer(way, layer),
  );
  await steps.run('data-host', `asking ${next?.host} for a layer`, () => checkDataHost(way, next));
  const failure = steps.failure();
  return {
    reference: formatReference(way.reference),
    endpoint: endpoint.origin,
    steps: steps.list,
    ...(failure !== undefined && { failure }),
  };
}
