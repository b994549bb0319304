import { ConvertError } from '../../error.ts';
import { serverMessage } from '../http/server-message.ts';
import type { HttpResponse } from '../http/transport.ts';

/** Statuses with which a host refuses whoever asks. */
export const refusals: readonly number[] = [401, 403];

export interface DataRequest {
  /** What is being done, as error sentences begin. */
  readonly action: string;
  /** Host of the registry that sent us there. */
  readonly registry: string;
  /** What the host should have done, as error sentences end: `the bytes`. */
  readonly wanted: string;
  /** The next command to type. */
  readonly hint: string;
}

/**
 * What it means that a data host, such as an object store, refuses us: that the address the registry
 * gave us, which holds all that is needed, is no good (it has expired, or is meant for another client).
 * No credentials of ours are sent there, so none would help. Reads the body of the answer.
 */
export async function dataHostRefusal(
  response: HttpResponse,
  { action, registry, wanted, hint }: DataRequest,
): Promise<ConvertError> {
  const { host } = response.url;
  const said = [response.status, await serverMessage(response)].filter(Boolean).join(', ');
  return new ConvertError(
    'REGISTRY_FAILED',
    `${action}: found that the data host ${host} refuses the address that ${registry} gave us (${said}), wanted ${wanted}`,
    { hint },
  );
}
