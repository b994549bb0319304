import type { Descriptor } from '../../store/index.ts';
import { ConvertError } from '../error.ts';
import { follow } from '../source/http/redirect.ts';
import { refusalOf } from '../source/http/refusal.ts';
import type { HttpResponse } from '../source/http/transport.ts';
import { dataHostRefusal, refusals } from '../source/registry/data-host.ts';
import { type Finding, skipped } from './diagnosis.ts';
import type { Way } from './way.ts';

/** Enough to see whether a broken transfer could go on. */
const firstByte = { range: 'bytes=0-0' };

/**
 * The `value` is where the registry sends us for the layer.
 * @throws ConvertError any code of the table's "Sources".
 */
export async function checkLayer(way: Way, layer: Descriptor | undefined): Promise<Finding<URL>> {
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

/** @throws ConvertError any code of the table's "Sources". */
export async function checkDataHost(
  { api, transport, signal }: Way,
  url: URL | undefined,
): Promise<Finding> {
  if (url === undefined) return skipped('the registry hands out layers itself');
  const action = `asking ${url.host} for the first byte of the layer`;
  const response = await follow(transport, { url, headers: firstByte, signal }, action);
  if (refusals.includes(response.status)) {
    throw await dataHostRefusal(response, {
      action,
      registry: api.endpoint.host,
      wanted: 'the bytes',
      hint: `see whether a proxy or a VPN leads to ${response.url.host} another way than to ${api.endpoint.host}; if not, tell whoever runs the registry`,
    });
  }
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
  throw await refusalOf(response, action);
}
