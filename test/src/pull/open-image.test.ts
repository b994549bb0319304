import { describe, expect, test } from 'vitest';
import { type Config, emptyConfig } from '../../../src/config.ts';
import { reachOf } from '../../../src/pull/open-image.ts';

describe('reachOf', () => {
  const lowSpeedBy = (lowSpeed?: Config['lowSpeed']) =>
    reachOf({ config: { ...emptyConfig, ...(lowSpeed && { lowSpeed }) } }).lowSpeed;

  test('takes from the configuration from when on a download is too slow', () => {
    expect(lowSpeedBy({ limit: 10, time: 30 })).toEqual({ limit: 10, time: 30_000 });
    expect(lowSpeedBy({ limit: 0 })).toEqual({ limit: 0 });
    expect(lowSpeedBy({ time: 5 })).toEqual({ time: 5000 });
    expect(lowSpeedBy()).toBeUndefined();
  });

  test('lets the options of the call go over the configuration', () => {
    const registry = { lowSpeed: { limit: 1, time: 2 } };
    const config = { ...emptyConfig, lowSpeed: { limit: 10 } };
    expect(reachOf({ registry, config }).lowSpeed).toEqual(registry.lowSpeed);
  });

  test('warns of each request that is tried again', () => {
    const warnings: unknown[] = [];
    const { onEvent } = reachOf({ onEvent: (event) => warnings.push(event) });
    onEvent?.({ event: 'request-retried', reason: 'it broke', delay: 1 });
    expect(warnings).toEqual([{ event: 'warning', text: 'it broke; trying again' }]);
  });
});
