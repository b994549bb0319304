import type { ConvertError } from '../../error.ts';
import { statusFailure } from './failure.ts';
import { serverMessage } from './server-message.ts';
import type { HttpResponse } from './transport.ts';

/** What an answer of a status other than success means, in the server's own words. Reads its body. */
export async function refusalOf(response: HttpResponse, action: string): Promise<ConvertError> {
  return statusFailure(response.status, await serverMessage(response), action).error;
}
