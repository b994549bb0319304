import { openStore } from '../../../store/index.ts';
import { jobs } from './jobs.ts';
import { jobNames } from './vow.ts';

/*
 * A process that does one kind of work on a store again and again until it is killed, and says of each
 * round, once it is done, what has to be so from then on, in a line of JSON.
 *
 *   node dist/test/support/store-kill/writer.js STORE JOB FIRST-ROUND
 */

async function main([dir = '', job = '', first = '']: readonly string[]): Promise<void> {
  const name = jobNames.find((one) => one === job);
  if (name === undefined) throw new Error(`writer: found no job ${job}`);
  process.stdout.write('ready\n');
  for (let round = Number(first); ; round += 1) {
    const store = await openStore(dir, { repair: name === 'repair' });
    const vow = await jobs[name](store, round);
    process.stdout.write(`${JSON.stringify(vow)}\n`);
    await store.close();
  }
}

await main(process.argv.slice(2));
