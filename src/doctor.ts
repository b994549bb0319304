import type { Descriptor } from '../store/index.ts';
import { createSteps, type Finding, type Step, type StepsOptions } from './diagnosis.ts';
import { ConvertError } from './error.ts';
import { parseLinks } from './oci/links.ts';
import { choosePlatform, type Platform, parsePlatform } from './oci/platform.ts';
import { formatReference, parseReference, type Reference } from './oci/reference.ts';
import { addressesOf, reachPort, shakeHands } from './reach.ts';
import { userCredentials } from './source/auth/user.ts';
import { readDocument } from './source/document.ts';
import { readCertificates } from './source/http/certificates.ts';
import type { HttpClient } from './source/http/client.ts';
import { statusFailure, transportFailure } from './source/http/failure.ts';
import { proxyFor } from './source/http/proxy.ts';
import { follow } from './source/http/redirect.ts';
import { serverMessage } from './source/http/server-message.ts';
import { createTransport, type HttpResponse, type Transport } from './source/http/transport.ts';
import { createRegistryApi, type RegistryApi } from './source/registry/api.ts';
import { parseChallenges } from './source/registry/challenge.ts';
import { createRegistrySource, type RegistryOptions } from './source/registry/registry.ts';
import { createRegistrySession } from './source/registry/session.ts';

export interface DiagnoseOptions extends StepsOptions {
  /** `os/architecture[/variant]`; `linux/amd64` when absent. */
  readonly platform?: string;
  /** How the registry is reached. */
  readonly registry?: RegistryOptions;
}

export interface Diagnosis {
  /** The full name. */
  readonly reference: string;
  /** Origin of the registry's API. */
  readonly endpoint: string;
  readonly steps: readonly Step[];
  /** Of the step that failed. */
  readonly failure?: ConvertError;
}

/** The way of a pull, as far as it is known from the start. */
interface Way {
  readonly reference: Reference;
  readonly platform: Platform;
  readonly settings: RegistryOptions;
  readonly transport: Transport;
  readonly api: RegistryApi;
  /** Authorized like `api`, but what comes back is shown as it is: no redirect is followed. */
  readonly direct: RegistryApi;
  readonly signal: AbortSignal | undefined;
}

/** Enough to see whether a broken transfer could go on. */
const firstByte = { range: 'bytes=0-0' };

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

function wayTo(text: string, { platform, registry, signal }: DiagnoseOptions): Way {
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

async function checkName(way: Way): Promise<Finding> {
  if (isProxied(way)) return throughProxy;
  const { host } = hostOf(way);
  const addresses = await addressesOf(hostOf(way));
  return { text: `${host} is ${addresses.join(', ')}` };
}

async function checkPort(way: Way): Promise<Finding> {
  if (isProxied(way)) return throughProxy;
  return { text: `${await reachPort(hostOf(way))} answers on port ${hostOf(way).port}` };
}

async function checkCertificate(way: Way): Promise<Finding> {
  const { api, settings, signal } = way;
  if (isProxied(way)) return throughProxy;
  if (api.endpoint.protocol === 'http:') return skipped('plain HTTP: nothing is encrypted');
  const secureContext = await readCertificates(api.endpoint, settings.tls);
  const shaken = await shakeHands(hostOf(way), secureContext);
  const { protocol, subject, issuer, expires, problem } = shaken;
  const certificate = `the certificate of ${subject}, issued by ${issuer}, good until ${expires}`;
  if (problem !== undefined) {
    throw transportFailure(problem, `verifying ${certificate}`, signal).error;
  }
  return { text: `${protocol}, ${certificate}` };
}

async function checkApi({ api, transport, signal }: Way): Promise<Finding> {
  const action = `asking ${api.endpoint.host} for its API`;
  const url = new URL('/v2/', api.endpoint);
  const response = await follow(transport, { url, headers: {}, signal }, action);
  if (response.status !== 200 && response.status !== 401) throw await refusal(response, action);
  await response.discard();
  if (response.status === 200) return { text: 'it answers anyone' };
  const challenges = response.headers('www-authenticate').flatMap(parseChallenges);
  const wanted = challenges.map(({ scheme, parameters }) => {
    const realm = parameters.get('realm') ?? '';
    return scheme === 'bearer' && URL.canParse(realm)
      ? `a token of ${new URL(realm).host}`
      : `${scheme} authentication`;
  });
  return { text: `it wants ${wanted.join(' or ') || 'authentication, and does not say which'}` };
}

async function checkCredentials({ reference, settings, signal }: Way): Promise<Finding> {
  const { registry, repository } = reference;
  const source = settings.credentials ?? userCredentials();
  const found = await source.find(registry, repository, signal);
  return found === undefined
    ? { text: `none are stored for ${registry}: access is anonymous` }
    : { text: `those of ${found.origin}` };
}

async function checkAccess({ reference, api, signal }: Way): Promise<Finding> {
  const response = await api.call({
    action: `asking to read ${api.name}`,
    method: 'HEAD',
    path: `manifests/${reference.digest ?? reference.tag}`,
    expect: [404, 405],
    patience: api.patience(),
    signal,
  });
  await response.discard();
  return { text: `nothing keeps us from ${api.name}` };
}

/** Finds the first layer, or the config of an image without layers. */
async function checkManifest(way: Way): Promise<Finding<Descriptor>> {
  const { reference, platform, settings, signal } = way;
  const call = signal ? { signal } : {};
  const source = createRegistrySource(reference, settings);
  const { descriptor, bytes } = await source.resolve(call);
  let links = await parseLinks(bytes);
  let text = `${descriptor.digest}, ${descriptor.mediaType}`;
  if (links.manifests.length > 0) {
    const chosen = choosePlatform({ manifests: links.manifests }, platform);
    links = await parseLinks(await readDocument(source, chosen, call));
    text += `, leads to ${chosen.digest}`;
  }
  const value = links.blobs[1] ?? links.blobs[0];
  return { text, ...(value !== undefined && { value }) };
}

/** The `value` is where the registry sends us for it. */
async function checkLayer(way: Way, layer: Descriptor | undefined): Promise<Finding<URL>> {
  const { direct, signal } = way;
  const { endpoint } = direct;
  if (layer === undefined) return skipped('the image has no layer');
  const action = `asking ${endpoint.host} for the first byte of ${layer.digest}`;
  const response = await direct.call({
    action,
    path: `blobs/${layer.digest}`,
    headers: firstByte,
    patience: direct.patience(),
    signal,
  });
  if (response.status < 300 || response.status >= 400) return await judgeRange(response, action);
  await response.discard();
  const text = response.header('location') ?? '';
  const value = URL.canParse(text, endpoint.href) ? new URL(text, endpoint) : undefined;
  if (value?.protocol === 'https:' || (value && value.protocol === endpoint.protocol)) {
    return { text: `it sends us to ${value.host}`, value };
  }
  throw new ConvertError(
    'REGISTRY_PROTOCOL',
    `${action}: found a redirect to ${value?.origin ?? 'no valid URL'}, wanted a URL of ${endpoint.protocol}//`,
  );
}

async function checkDataHost({ transport, signal }: Way, url: URL | undefined): Promise<Finding> {
  if (url === undefined) return skipped('the registry hands out layers itself');
  const action = `asking ${url.host} for the first byte of the layer`;
  const response = await follow(transport, { url, headers: firstByte, signal }, action);
  return await judgeRange(response, action);
}

async function judgeRange(response: HttpResponse, action: string): Promise<Finding> {
  const { host } = response.url;
  if (response.status === 206) {
    await response.discard();
    return { text: `${host} hands out parts: a broken transfer goes on where it stopped` };
  }
  if (response.status === 200) {
    await response.discard();
    const text = `${host} hands out layers whole only: a broken transfer begins anew`;
    return { status: 'warning', text };
  }
  throw await refusal(response, action);
}

async function refusal(response: HttpResponse, action: string): Promise<ConvertError> {
  return statusFailure(response.status, await serverMessage(response), action).error;
}

const throughProxy = skipped('a proxy is set, which looks up and connects for us');

function skipped(text: string): Finding {
  return { status: 'skipped', text };
}

function isProxied({ api, settings }: Way): boolean {
  return proxyFor(api.endpoint, settings.env ?? process.env) !== undefined;
}

function hostOf({ api, signal }: Way) {
  const { hostname, port, protocol } = api.endpoint;
  const usual = protocol === 'https:' ? 443 : 80;
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? usual : Number(port),
    signal,
  };
}
