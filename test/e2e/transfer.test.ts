import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createValidator } from '../../schemas/index.ts';
import { runCli } from '../support/cli.ts';
import { buildImage } from '../support/image.ts';
import { file } from '../support/layers.ts';
import { startRegistry } from '../support/registry/registry.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { startShortLine } from '../support/short-line.ts';
import { bytesIn, filesOf } from '../support/store-files.ts';
import { top } from '../support/top.ts';

let folder = '';
const closing: (() => Promise<void>)[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'osv-convert-transfer-'));
});

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  rmSync(folder, { recursive: true, force: true });
});

/** An image whose layers are as large as these numbers of bytes, and do not compress. */
async function serve(...sizes: readonly number[]) {
  const image = buildImage({ layers: sizes.map((size, n) => [file(`f${n}`, randomBytes(size))]) });
  const registry = await startRegistry({ images: { 'app:1': image } });
  closing.push(() => registry.close());
  const size = [...image.blobs.values()].reduce((total, blob) => total + blob.length, 0);
  return { registry, image, size };
}

describe('osv-convert pull', () => {
  it('continues and ends identical when it was killed at random points, 30 times', async () => {
    const { registry, size } = await serve(8_000_000, 300, 4_000_000, 3_000_000, 1_000_000);
    const store = join(folder, 'killed');
    const line = await startShortLine(registry.host, () => bytesIn(store));
    closing.push(line.close);
    const args = ['pull', `${line.host}/app:1`, '--store', store, '--quiet'];
    const random = seededRandom(3);
    const points = Array.from({ length: 30 }, () => random() * size).sort((a, b) => a - b);
    let killed = 0;
    for (const point of points) {
      const kill = new AbortController();
      const run = runCli(args, { signal: kill.signal, killSignal: 'SIGKILL' });
      let ended = false;
      void run.then(() => {
        ended = true;
      });
      // Some die before their first byte, some while they unpack.
      const begun = line.carried();
      while (!ended && (line.carried() === begun || line.carried() < point)) await delay(1);
      kill.abort();
      killed += (await run).code === null ? 1 : 0;
      line.lose();
    }
    expect(killed).toBeGreaterThan(25);
    const { code, stderr } = await runCli(args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    // Documents and what was on its way at each death come anew; the layers come once.
    expect(line.carried() / size).toBeLessThan(1.2);

    const undisturbed = join(folder, 'undisturbed');
    await runCli(['pull', `${registry.host}/app:1`, '--store', undisturbed]);
    for (const part of ['blobs', 'layers']) {
      expect(filesOf(join(store, part))).toEqual(filesOf(join(undisturbed, part)));
    }
    expect(Object.keys(filesOf(join(store, 'ingest')))).toEqual([]);
  });

  it('fetches each blob once when 8 processes pull one image 25 times each at once', async () => {
    const { registry, image } = await serve(3_000_000, 500, 1_000_000);
    const store = join(folder, 'shared');
    const script = `
      import { openStore } from ${JSON.stringify(join(top, 'dist/store/index.js'))};
      import { pull } from ${JSON.stringify(join(top, 'dist/src/pull/pull.js'))};
      const store = await openStore(${JSON.stringify(store)});
      const reference = ${JSON.stringify(`${registry.host}/app:1`)};
      await Promise.all(Array.from({ length: 25 }, () => pull(store, reference, {})));
      await store.close();
      process.exit(0);`;
    const children = Array.from({ length: 8 }, () =>
      spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' }),
    );
    const ends = await Promise.all(children.map((child) => once(child, 'close')));
    expect(ends.map(([status]) => status)).toEqual(Array(8).fill(0));
    const blobs = registry.requests
      .map(({ path }) => path)
      .filter((path) => path.includes('/blobs/'));
    expect(blobs).toHaveLength(image.layers.length + 1);
    expect(new Set(blobs).size).toBe(blobs.length);
    expect(readdirSync(join(store, 'leases'))).toEqual([]);
  });

  it('tells events as their schema describes them', async () => {
    const { registry, image } = await serve(3_000_000, 500);
    const store = join(folder, 'told');
    const pull = async () => {
      const args = ['pull', `${registry.host}/app:1`, '--store', store, '--progress', 'json'];
      const { stderr } = await runCli(args);
      return stderr
        .trimEnd()
        .split('\n')
        .map((text): Record<string, unknown> => JSON.parse(text));
    };
    const validate = await createValidator('event');
    const events = [await pull(), await pull()];
    for (const event of events.flat()) expect(validate(event)).toBeUndefined();
    const [first, second] = events.map((told) => new Set(told.map(({ event }) => event)));
    expect([...(first ?? [])]).toEqual(expect.arrayContaining(['resolved', 'planned', 'download']));
    expect([...(second ?? [])]).toContain('blob-present');
    const [planned] = events.flat().filter(({ event }) => event === 'planned');
    expect(planned?.['blobs']).toEqual(
      image.layers.map(({ descriptor: { digest, size } }) => ({ digest, size })),
    );
  });
});
