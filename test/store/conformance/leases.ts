import { expect } from 'vitest';
import { myself } from '../../../store/files/owner.ts';
import { digestOf } from '../../../store/index.ts';
import { layoutOf } from '../../../store/layout.ts';
import { absent, type Behaviour, code, hello, writeFile } from './ground.ts';

const digest = digestOf(hello);

export const leaseBehaviours: readonly Behaviour[] = [
  {
    name: 'Store.hold shows what is held, by whom and for what, until the store is closed',
    async check(ground) {
      const store = await ground.open({ purpose: 'a test' });
      await store.hold([absent]);
      await store.blobs.put(hello);
      await store.hold([digest, absent]);
      const other = await ground.open();
      const { pid } = await myself();
      expect(await other.leases.list()).toEqual([
        expect.objectContaining({
          purpose: 'a test',
          alive: true,
          owner: expect.objectContaining({ pid }),
          holds: [absent, digest],
        }),
      ]);
      await store.close();
      expect(await other.leases.list()).toEqual([]);
    },
  },
  {
    name: 'Store.hold writes nothing when the store is for reading only',
    async check(ground) {
      await (await ground.open()).blobs.put(hello);
      const store = await ground.open({ readOnly: true });
      const before = (await store.leases.list()).length;
      await store.hold([digest]);
      await store.close();
      expect(await store.leases.list()).toHaveLength(before);
    },
  },
  {
    name: 'Leases.create makes a lease that outlives its maker, and delete ends it',
    async check(ground) {
      const store = await ground.open();
      await store.blobs.put(hello);
      const expires = new Date(Date.now() + 60_000);
      const made = await store.leases.create({ purpose: 'later', digests: [digest], expires });
      expect(made).toMatchObject({ purpose: 'later', holds: [digest], expires, alive: true });
      await store.close();
      const { leases } = await ground.open();
      expect(await leases.list()).toEqual([made]);
      expect(await leases.delete(made.id)).toBe(true);
      expect(await leases.delete(made.id)).toBe(false);
      expect(await leases.list()).toEqual([]);
    },
  },
  {
    name: 'Leases.create fails as BLOB_MISSING when the store lacks one of the digests',
    async check(ground) {
      const { leases } = await ground.open();
      const failed = expect(leases.create({ purpose: 'x', digests: [absent] })).rejects;
      await failed.toMatchObject({ ...code('BLOB_MISSING'), digest: absent });
      expect(await leases.list()).toEqual([]);
    },
  },
  {
    name: 'Leases.list shows as ended what has expired, and what the dead held',
    async check(ground) {
      const store = await ground.open();
      await store.blobs.put(hello);
      const past = new Date(Date.now() - 1);
      await store.leases.create({ purpose: 'expired', digests: [digest], expires: past });
      const { realm } = await myself();
      const head = {
        version: 1,
        id: 'dead',
        purpose: 'of the dead',
        // Later than the one above, whatever the clock can tell apart.
        created: new Date(Date.now() + 1000),
        owner: { pid: 4194305, start: '1', realm },
      };
      const path = `${layoutOf(ground.dir).leases}/dead.lease`;
      writeFile(ground, path, `${JSON.stringify(head)}\n${digest}\n`);
      await store.close();
      const leases = await store.leases.list();
      expect(leases.map(({ purpose, alive }) => [purpose, alive])).toEqual([
        ['expired', false],
        ['of the dead', false],
      ]);
    },
  },
];
