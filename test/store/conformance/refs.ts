import { Buffer } from 'node:buffer';
import { expect } from 'vitest';
import { type Descriptor, type DescriptorPlatform, digestOf } from '../../../store/index.ts';
import { layoutOf } from '../../../store/layout.ts';
import { type Behaviour, code, type Ground, locks, readFile, writeFile } from './ground.ts';

const descriptor = (n: number): Descriptor => ({
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  digest: digestOf(Buffer.from(String(n))),
  size: n,
});

const indexPath = ({ dir }: Ground) => layoutOf(dir).index;

const readIndex = (ground: Ground): { manifests: Descriptor[]; [key: string]: unknown } =>
  JSON.parse(readFile(ground, indexPath(ground))?.toString('utf8') ?? '');

export const refBehaviours: readonly Behaviour[] = [
  {
    name: 'Refs set, get, list and delete name manifests',
    async check(ground) {
      const { refs } = await ground.open();
      await refs.set('b:1', descriptor(1));
      await refs.set('a:1', { ...descriptor(2), annotations: { kept: 'x' } });
      await refs.set('b:1', descriptor(3));
      expect((await refs.list()).map(({ name, descriptor: { size } }) => [name, size])).toEqual([
        ['a:1', 2],
        ['b:1', 3],
      ]);
      expect(await refs.get('a:1')).toEqual({
        ...descriptor(2),
        annotations: { kept: 'x', 'org.opencontainers.image.ref.name': 'a:1' },
      });
      expect(await refs.delete('a:1')).toBe(true);
      expect(await refs.delete('a:1')).toBe(false);
      expect(await refs.get('a:1')).toBeUndefined();
      expect(locks(ground)).toEqual([]);
    },
  },
  {
    name: 'Refs lead from a name to one manifest for each platform',
    async check(ground) {
      const { refs } = await ground.open();
      const arm: DescriptorPlatform = { os: 'linux', architecture: 'arm', variant: 'v7' };
      const amd64: DescriptorPlatform = { os: 'linux', architecture: 'amd64' };
      const sizes = async () => (await refs.list()).map(({ descriptor: { size } }) => size);
      await refs.set('a:1', { ...descriptor(1), platform: arm });
      expect((await refs.get('a:1'))?.size).toBe(1);
      await refs.set('a:1', { ...descriptor(2), platform: amd64 });
      await refs.set('a:1', { ...descriptor(3), platform: { ...arm, variant: 'v6' } });
      expect(await sizes()).toEqual([1, 2, 3]);
      expect((await refs.get('a:1'))?.size).toBe(2);
      expect((await refs.get('a:1', arm))?.size).toBe(1);
      expect(await refs.get('a:1', { ...arm, variant: 'v8' })).toBeUndefined();
      await refs.set('a:1', { ...descriptor(4), platform: arm });
      expect(await sizes()).toEqual([2, 3, 4]);
      await refs.set('a:1', descriptor(5));
      expect(await sizes()).toEqual([5]);
      expect((await refs.get('a:1', arm))?.size).toBe(5);
      await refs.set('a:1', { ...descriptor(6), platform: arm });
      expect(await sizes()).toEqual([6]);
      await refs.set('a:1', { ...descriptor(2), platform: amd64 });
      expect(await refs.delete('a:1')).toBe(true);
      expect(await sizes()).toEqual([]);
    },
  },
  {
    name: 'Refs.set writes nothing when the name leads there already',
    async check(ground) {
      const { refs } = await ground.open();
      await refs.set('a', descriptor(1));
      const before = ground.files.stat(indexPath(ground))?.inode;
      expect(before).toBeDefined();
      await refs.set('a', descriptor(1));
      expect(ground.files.stat(indexPath(ground))?.inode).toBe(before);
    },
  },
  {
    name: 'Refs.set keeps what other tools wrote',
    async check(ground) {
      const { refs } = await ground.open();
      await refs.set('a', descriptor(1));
      const foreign = [
        { ...descriptor(7), urls: ['https://example.com'] },
        {
          mediaType: 'x',
          digest: `sha512:${'0'.repeat(128)}`,
          size: 1,
          annotations: { 'org.opencontainers.image.ref.name': 'theirs' },
        },
      ];
      const { mediaType: _, ...index } = readIndex(ground);
      const manifests = [...index.manifests, ...foreign];
      const written = { ...index, manifests, annotations: { k: 'v' } };
      writeFile(ground, indexPath(ground), JSON.stringify(written));
      await refs.set('b', descriptor(2));
      expect(readIndex(ground)).toMatchObject({
        mediaType: 'application/vnd.oci.image.index.v1+json',
        annotations: { k: 'v' },
      });
      expect(readIndex(ground).manifests).toEqual(expect.arrayContaining(foreign));
      expect((await refs.list()).map(({ name }) => name)).toEqual(['a', 'b']);
      expect(await refs.get('theirs')).toBeUndefined();
    },
  },
  ...['{', '[]', '{"schemaVersion":1,"manifests":[]}'].map(
    (text) =>
      ({
        name: `Refs.list fails as STORE_CORRUPT when index.json is ${text}`,
        async check(ground) {
          const { refs } = await ground.open();
          await refs.set('a', descriptor(1));
          writeFile(ground, indexPath(ground), text);
          await expect(refs.list()).rejects.toMatchObject({
            ...code('STORE_CORRUPT'),
            message: expect.stringContaining(indexPath(ground)),
          });
        },
      }) satisfies Behaviour,
  ),
  {
    name: 'Refs.set loses nothing when called many times at once, through several stores',
    async check(ground) {
      const stores = await Promise.all([1, 2, 3].map(() => ground.open()));
      await Promise.all(
        Array.from({ length: 24 }, (_, n) => stores[n % 3]?.refs.set(`ref-${n}`, descriptor(n))),
      );
      expect(await stores[0]?.refs.list()).toHaveLength(24);
    },
  },
];
