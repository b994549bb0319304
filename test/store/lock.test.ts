import { lstatSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { nodeFiles } from '../../store/files/node.ts';
import { myself } from '../../store/files/owner.ts';
import { tryLock, withLock } from '../../store/leases/lock.ts';
import { code, dir } from './one-store.ts';

describe('withLock', () => {
  const lock = () => {
    mkdirSync(dir(), { recursive: true });
    return join(dir(), 'lock');
  };

  test('lets one in at a time', async () => {
    const path = lock();
    let inside = 0;
    let most = 0;
    const turns = Array.from({ length: 12 }, () =>
      withLock(nodeFiles, path, async () => {
        inside += 1;
        most = Math.max(most, inside);
        await new Promise(setImmediate);
        inside -= 1;
      }),
    );
    await Promise.all(turns);
    expect(most).toBe(1);
    expect(readdirSync(dir())).toEqual([]);
  });

  test('lets go when its user fails', async () => {
    const path = lock();
    const failing = withLock(nodeFiles, path, () => Promise.reject(new Error('failed')));
    await expect(failing).rejects.toThrow('failed');
    expect(readdirSync(dir())).toEqual([]);
  });

  test('takes over from dead owners, one at a time, when many find them', async () => {
    const path = lock();
    const { realm } = await myself();
    symlinkSync(`4194305 1 ${realm} t1`, path);
    symlinkSync(`${process.pid} 1 ${realm} t2`, `${path}.t1`);
    let inside = 0;
    const turns = Array.from({ length: 8 }, () =>
      withLock(nodeFiles, path, async () => {
        inside += 1;
        expect(inside).toBe(1);
        await new Promise(setImmediate);
        inside -= 1;
      }),
    );
    await Promise.all(turns);
    expect(readdirSync(dir())).toEqual([]);
  });

  test('waits for an owner of another boot or container as long as the grace', async () => {
    const path = lock();
    symlinkSync('1 1 elsewhere t1', path);
    const waiting = withLock(nodeFiles, path, async () => 'in', { patience: 60, grace: 1e6 });
    await expect(waiting).rejects.toMatchObject(code('STORE_UNUSABLE'));
    expect(await withLock(nodeFiles, path, async () => 'in', { grace: 0 })).toBe('in');
  });

  test('shows to other boots and containers, again and again, that its owner lives', async () => {
    const path = lock();
    const held = await tryLock(nodeFiles, path, 40);
    const taken = lstatSync(path).mtimeMs;
    await expect.poll(() => lstatSync(path).mtimeMs).toBeGreaterThan(taken);
    await held?.release();
    expect(readdirSync(dir())).toEqual([]);
  });

  test('fails as STORE_UNUSABLE when the owner lives and does not let go', async () => {
    const path = lock();
    await withLock(nodeFiles, path, async () => {
      const waiting = withLock(nodeFiles, path, async () => 'in', { patience: 60 });
      await expect(waiting).rejects.toMatchObject({
        ...code('STORE_UNUSABLE'),
        hint: `see who holds it: readlink '${path}'`,
      });
    });
  });
});
