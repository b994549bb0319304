import type { OnEvent } from '../event.ts';
import type { RegistryOptions } from '../source/registry/registry.ts';

/** `registry`, with a warning for every request that is tried again. */
export function tellRetries(registry: RegistryOptions, onEvent: OnEvent): RegistryOptions {
  return {
    ...registry,
    onEvent: ({ reason }) => onEvent({ event: 'warning', text: `${reason}; trying again` }),
  };
}
