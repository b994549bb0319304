import { ConvertError } from '../../error.ts';
import type { Credentials } from '../auth/credentials.ts';
import { createRegistryApi } from './api.ts';
import type { RegistryOptions } from './session.ts';

/**
 * Asks a registry whether it takes these credentials; false when it wants none at all.
 * @throws ConvertError `AUTH_REQUIRED` when it refuses them, `REGISTRY_PROTOCOL` when it is no
 * registry, and any other code of the table's "Sources".
 */
export async function verifyCredentials(
  registry: string,
  credentials: Credentials,
  options: RegistryOptions = {},
): Promise<boolean> {
  let wanted = false;
  const source = {
    async find() {
      wanted = true;
      return credentials;
    },
  };
  const api = createRegistryApi({ registry }, { ...options, credentials: source });
  const action = `logging in to ${registry} at ${api.endpoint.host}`;
  const response = await api.call({ action, path: '', patience: api.patience(), expect: [404] });
  await response.discard();
  if (response.status === 404) {
    throw new ConvertError(
      'REGISTRY_PROTOCOL',
      `${action}: found nothing at /v2/ (404), wanted a registry`,
      { hint: 'check the name of the host and its port' },
    );
  }
  return wanted;
}
