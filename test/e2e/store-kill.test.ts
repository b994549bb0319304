import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../support/seeded-random.ts';
import { createKilledStore } from '../support/store-kill/kill.ts';
import { jobNames } from '../support/store-kill/vow.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const kills = 4;
const root = temporaryFolder('kill');

// Hundreds of times: test/load/kill.ts.
describe('A store whose writers are killed (SIGKILL)', () => {
  // Most of their time goes by while files are flushed to the disk.
  it.concurrent.each(jobNames)('is sound and has what it said it has, during %s', async (job) => {
    const folder = join(root, job);
    mkdirSync(folder);
    const random = seededRandom(jobNames.indexOf(job));
    const store = await createKilledStore(folder, job, random);
    for (let done = 0; done < kills; done += 1) expect(await store.strike()).toEqual([]);
    expect(await store.end()).toEqual([]);
  });
});
