import { describe, expect, test } from 'vitest';
import { ConvertError } from '../../../src/error.ts';
import {
  createPatience,
  defaultRetryPolicy,
  parseRetryAfter,
} from '../../../src/source/http/patience.ts';
import type { SourceEvent } from '../../../src/source/source.ts';
import { instantPace } from '../../support/pace.ts';

const error = new ConvertError('REGISTRY_FAILED', 'asking: found a failure');
const transient = { error, transient: true };

describe('createPatience', () => {
  test('waits longer each time and gives up after the last try', async () => {
    const pace = instantPace();
    const events: SourceEvent[] = [];
    const policy = { tries: 5, firstDelay: 1000, longestDelay: 3000, budget: 60_000 };
    const patience = createPatience(policy, pace, (event) => events.push(event));
    for (let failures = 1; failures < 5; failures += 1) {
      await patience.again(transient);
    }
    await expect(patience.again(transient)).rejects.toBe(error);
    expect(pace.delays).toEqual([750, 1500, 2250, 2250]);
    expect(events[0]).toEqual({ event: 'request-retried', reason: error.message, delay: 750 });
  });

  test('begins anew when progress was made', async () => {
    const pace = instantPace();
    const patience = createPatience({ ...defaultRetryPolicy, tries: 2 }, pace);
    for (let times = 0; times < 10; times += 1) {
      await patience.again(transient);
      patience.renew();
    }
    expect(pace.delays).toEqual(Array(10).fill(375));
  });

  test('gives up at once when the failure is for good', async () => {
    const pace = instantPace();
    const patience = createPatience(defaultRetryPolicy, pace);
    await expect(patience.again({ error, transient: false })).rejects.toBe(error);
    expect(pace.delays).toEqual([]);
  });

  test('waits out a Retry-After within the budget and none above it', async () => {
    const pace = instantPace();
    const patience = createPatience(defaultRetryPolicy, pace);
    await patience.again({ ...transient, retryAfter: 59_000 });
    await expect(patience.again({ ...transient, retryAfter: 2000 })).rejects.toBe(error);
    expect(pace.delays).toEqual([59_000]);
  });

  test('throws the reason of the abort when it is aborted while it waits', async () => {
    const patience = createPatience(defaultRetryPolicy, instantPace());
    const signal = AbortSignal.abort(new Error('stop'));
    await expect(patience.again(transient, signal)).rejects.toThrowError('stop');
  });
});

test.each([
  ['120', 120_000],
  [' 0 ', 0],
  ['Thu, 01 Jan 1970 00:01:00 GMT', 50_000],
  ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
  ['soon', undefined],
  ['-5', undefined],
  [undefined, undefined],
])('parseRetryAfter reads %j', (text, milliseconds) => {
  expect(parseRetryAfter(text, 10_000)).toBe(milliseconds);
});
