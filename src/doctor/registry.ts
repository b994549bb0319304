import type { Descriptor } from '../../store/index.ts';
import { parseLinks } from '../oci/links.ts';
import { choosePlatform } from '../oci/platform.ts';
import { userCredentials } from '../source/auth/user.ts';
import { readDocument } from '../source/document.ts';
import { follow } from '../source/http/redirect.ts';
import { refusalOf } from '../source/http/refusal.ts';
import { parseChallenges } from '../source/registry/challenge.ts';
import { createRegistrySource } from '../source/registry/registry.ts';
import type { Finding } from './diagnosis.ts';
import type { Way } from './way.ts';

/** @throws ConvertError any code of the table's "Sources"; so do the steps below. */
export async function checkApi({ api, transport, signal }: Way): Promise<Finding> {
  const action = `asking ${api.endpoint.host} for its API`;
  const url = new URL('/v2/', api.endpoint);
  const response = await follow(transport, { url, headers: {}, signal }, action);
  if (response.status !== 200 && response.status !== 401) throw await refusalOf(response, action);
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

export async function checkCredentials({ reference, settings, signal }: Way): Promise<Finding> {
  const { registry, repository } = reference;
  const source = settings.credentials ?? userCredentials();
  const found = await source.find(registry, repository, signal);
  return found === undefined
    ? { text: `none are stored for ${registry}: access is anonymous` }
    : { text: `those of ${found.origin}` };
}

export async function checkAccess({ reference, api, signal }: Way): Promise<Finding> {
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

/** Finds the first layer that the registry has to have, or the config of an image without any. */
export async function checkManifest(way: Way): Promise<Finding<Descriptor>> {
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
  const [config, ...layers] = links.blobs;
  const value = layers.find(({ urls }) => urls === undefined) ?? config;
  return { text, ...(value !== undefined && { value }) };
}
