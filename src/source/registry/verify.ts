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
  const { host } = api.endpoint;
  const action = `logging in to ${registry}${host === registry ? '' : ` at ${host}`}`;
  const call = { action, path: '', patience: api.patience(), expect: [404] };
  const response = await api.call(call).catch((error: unknown) => {
    throw refused(error);
  });
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

/** Whoever logs in is not told to log in. */
function refused(error: unknown): unknown {
  return error instanceof ConvertError && error.code === 'AUTH_REQUIRED'
    ? new ConvertError(error.code, error.message, {
        hint: 'check the user name and the password',
        cause: error,
      })
    : error;
}
