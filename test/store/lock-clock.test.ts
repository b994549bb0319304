import { lstatSync, lutimesSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { nodeFiles } from '../../store/files/node.ts';
import { openStore } from '../../store/index.ts';
import { withLock } from '../../store/leases/lock.ts';
import { dir, hello, root } from './one-store.ts';

describe('when the clock was set back since another boot', () => {
  const inAYear = () => new Date(Date.now() + 365 * 24 * 60 * 60 * 1000);

  /** The lock of a holder of that boot. */
  const oldLock = (token: string): string => {
    const path = join(root, token);
    symlinkSync(`1 1 elsewhere ${token}`, path);
    lutimesSync(path, inAYear(), inAYear());
    return path;
  };

  test('withLock takes over from a holder who gives no sign of life for the grace', async () => {
    const times = { grace: 60, patience: 20_000 };
    expect(await withLock(nodeFiles, oldLock('t1'), async () => 'in', times)).toBe('in');
  });

  test('withLock waits for a holder who gives signs of life by another clock', async () => {
    const path = oldLock('t2');
    const files = {
      ...nodeFiles,
      stat(name: string) {
        lutimesSync(path, new Date(), inAYear());
        return nodeFiles.stat(name);
      },
    };
    const waiting = withLock(files, path, async () => 'in', { grace: 60, patience: 400 });
    await expect(waiting).rejects.toMatchObject({ code: 'STORE_UNUSABLE' });
  });

  test('the first write has what others left grow old from then on', async () => {
    for (const folder of ['leases', 'ingest/partial/sha256']) {
      mkdirSync(join(dir(), folder), { recursive: true });
    }
    writeFileSync(join(dir(), 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
    const head = { version: 1, id: 'l1', purpose: 'a pull', created: inAYear() };
    const owner = { pid: 1, start: '1', realm: '0123456789abcdef' };
    const left = {
      'leases/l1.lease': `${JSON.stringify({ ...head, owner })}\n`,
      'ingest/1_1_0123456789abcdef_x': 'a draft',
      [`ingest/partial/sha256/${'a'.repeat(64)}`]: 'a part',
    };
    for (const [name, text] of Object.entries(left)) {
      writeFileSync(join(dir(), name), text);
      lutimesSync(join(dir(), name), inAYear(), inAYear());
    }
    const store = await openStore(dir());
    await store.blobs.put(hello);
    for (const name of Object.keys(left)) {
      expect(lstatSync(join(dir(), name)).mtimeMs).toBeLessThanOrEqual(Date.now());
    }
    await store.close();
  });
});
