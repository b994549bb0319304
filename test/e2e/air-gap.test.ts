import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Descriptor, digestOf, hexOf } from '../../store/index.ts';
import { buildArtifact } from '../support/artifact.ts';
import { type BuiltImage, buildImage } from '../support/image.ts';
import { file } from '../support/layers.ts';
import { readLayout } from '../support/layout.ts';
import { imageOf, multi, nested } from '../support/shipped-images.ts';
import { missingPeers, openSites, type Sites, settings } from '../support/sites.ts';

const [amd64, arm64] = [imageOf('amd64'), imageOf('arm64')];
const job = buildImage({ layers: [[file('job', 'one')]] });
const artifactOf = (content: string) =>
  buildArtifact({ artifactType: `application/vnd.test.${content}`, content, subject: multi.root });
const [signature, sbom] = [artifactOf('signature'), artifactOf('sbom')];

const diffIDsOf = ({ layers }: BuiltImage) => layers.map(({ diffID }) => diffID).sort();
const digestsOf = (all: readonly Pick<Descriptor, 'digest'>[]) =>
  all.map(({ digest }) => digest).sort();

describe.skipIf(missingPeers.length > 0).each(settings)(
  'what osv-convert carries between two docker-registries with %s',
  (setting) => {
    let sites: Sites;
    let near = '';
    let far = '';

    beforeAll(async () => {
      sites = await openSites(setting);
      near = `${sites.near.host}/acme`;
      far = `${sites.far.host}/team`;
      await sites.publish(multi, `${near}/app:1`);
      await sites.publish(job, `${near}/job:2`);
      await sites.json(['pull', `${near}/app:1`, ...both, ...into('near')]);
      await sites.json(['pull', `${near}/job:2`, ...into('near')]);
    });
    afterAll(() => sites.close());

    const both = ['--platform', 'linux/amd64', '--platform', 'linux/arm64'];
    const at = (path: string): string => join(sites.folder, path);
    const into = (store: string): readonly string[] => ['--store', at(store)];

    /** What a registry has under a name, as skopeo sees it. */
    async function served(name: string) {
      const raw = await sites.skopeo('inspect', '--raw', `docker://${name}`);
      return { digest: digestOf(Buffer.from(raw)), ...JSON.parse(raw) };
    }

    /**
     * Saves names of one store, loads the file or folder into another, and pushes each to its target.
     * Gives what is there then, in the order of the names.
     */
    async function carry(
      output: string,
      format: readonly string[],
      [from, to]: readonly [string, string],
      targets: Readonly<Record<string, string>>,
    ) {
      const names = Object.keys(targets);
      await sites.json(['save', ...names, '-o', at(output), ...format, ...into(from)]);
      const { images } = await sites.json(['load', at(output), ...into(to)]);
      expect(new Set(images.map(({ reference }: { reference: string }) => reference))).toEqual(
        new Set(names),
      );
      await rm(at(output), { recursive: true });
      const arrived: Awaited<ReturnType<typeof served>>[] = [];
      for (const [name, target] of Object.entries(targets)) {
        const { digest } = await sites.json(['push', name, target, ...into(to)]);
        arrived.push(await served(target));
        expect(arrived.at(-1)?.digest).toBe(digest);
      }
      return arrived;
    }

    test('save, load and push bring images there in an OCI layout and back in an OCI archive', async () => {
      const there = { [`${near}/app:1`]: `${far}/app:1`, [`${near}/job:2`]: `${far}/job:2` };
      const arrived = await carry('there/', [], ['near', 'far'], there);
      expect(arrived[0]?.manifests).toMatchObject([amd64.root, arm64.root]);
      expect(arrived[1]?.digest).toBe(job.root.digest);

      await sites.json(['pull', `${far}/app:1`, ...into('visitor')]);
      const home = { [`${far}/app:1`]: `${near}/back:1` };
      const [back] = await carry('back.tar', [], ['visitor', 'back'], home);
      expect(back?.digest).toBe(amd64.root.digest);
    });

    test('save, load and push bring images there and back in docker-archives', async () => {
      const format = ['--format', 'docker-archive'];
      const names = {
        [`${near}/app:1`]: `${far}/docker-app:1`,
        [`${near}/job:2`]: `${far}/docker-job:2`,
      };
      const arrived = await carry('there.tar', format, ['near', 'far-docker'], names);
      expect(arrived.map(({ config }) => config.digest)).toEqual(
        [amd64, job].map(({ config }) => config.digest),
      );
      expect(arrived.map(({ layers }) => digestsOf(layers))).toEqual([amd64, job].map(diffIDsOf));

      await sites.json(['pull', `${far}/docker-app:1`, ...into('docker-visitor')]);
      const home = { [`${far}/docker-app:1`]: `${near}/docker-back:1` };
      const [back] = await carry('back.tar', format, ['docker-visitor', 'docker-back'], home);
      expect(back).toEqual(arrived[0]);
    });

    test('save and push keep nested indexes and attestations byte for byte', async () => {
      await sites.publish(nested, `${near}/app:nested`);
      const layout = at('nested');
      const args = ['save', `docker://${near}/app:nested`, '-o', `${layout}/`, ...into('nowhere')];
      expect((await sites.json(args)).images).toMatchObject([{ digest: nested.root.digest }]);
      expect([...(await readLayout(layout)).blobs.keys()].sort()).toEqual(
        [...nested.blobs.keys()].sort(),
      );
      await sites.json(['push', `oci:${layout}`, `${far}/app:nested`, ...into('nowhere')]);
      expect((await served(`${far}/app:nested`)).digest).toBe(nested.root.digest);
    });

    test('push and skopeo copy give each other equal digests', async () => {
      const ours = ['push', `docker://${near}/app:1`, `${far}/ours:1`, ...into('nowhere')];
      expect((await sites.json(ours)).digest).toBe(multi.root.digest);
      const copy = ['--all', '--preserve-digests', '--quiet'];
      await sites.skopeo('copy', ...copy, `docker://${far}/ours:1`, `oci:${at('theirs')}:it`);
      const { root, blobs } = await readLayout(at('theirs'));
      expect(root).toEqual(multi.root);
      expect([...blobs.keys()].sort()).toEqual([...multi.blobs.keys()].sort());

      await sites.skopeo('copy', ...copy, `docker://${far}/ours:1`, `docker://${near}/theirs:1`);
      const { images } = await sites.json([
        'pull',
        `${near}/theirs:1`,
        ...both,
        ...into('theirs-pulled'),
      ]);
      expect(images).toMatchObject([{ digest: amd64.root.digest }, { digest: arm64.root.digest }]);
      const args = [`docker://${near}/theirs:1`, '-o', at('theirs.tar'), ...into('nowhere')];
      expect((await sites.json(['save', ...args])).images).toMatchObject([
        { digest: multi.root.digest },
      ]);
    });

    test('tag names an image for a registry, ls-tags lists what was pushed, rm forgets the name', async () => {
      const name = `${far}/named:a`;
      await sites.json(['tag', `${near}/job:2`, name, ...into('near')]);
      const { digest } = await sites.json(['push', name, name, ...into('near')]);
      expect(digest).toBe(job.root.digest);
      for (const tag of ['b', 'c']) await sites.publish(job, `${far}/named:${tag}`);
      const listed = async (...args: readonly string[]): Promise<readonly string[]> =>
        (await sites.json(['ls-tags', `${far}/named`, ...args])).tags;
      const tags = await listed();
      expect([...tags].sort()).toEqual(['a', 'b', 'c']);
      expect(await listed('--last', tags[0] ?? '', '--limit', '1')).toEqual([tags[1]]);

      expect(await sites.json(['rm', name, ...into('near')])).toEqual({ removed: [name] });
      const { images } = await sites.json(['images', ...into('near')]);
      expect(images).toMatchObject([
        { reference: `${near}/app:1`, platform: 'linux/amd64' },
        { reference: `${near}/app:1`, platform: 'linux/arm64' },
        { reference: `${near}/job:2`, platform: 'linux/amd64' },
      ]);
    });

    test('referrers go along where the registry keeps no list of them', async () => {
      await sites.publish(signature, `${near}/app:signature`);
      await sites.publish(sbom, `${near}/app:sbom`);
      const listed = async (name: string, ...args: readonly string[]) =>
        digestsOf((await sites.json(['referrers', name, ...args])).referrers);
      const wanted = digestsOf([signature.root, sbom.root]);
      expect(await listed(`${near}/app:1`)).toEqual(wanted);
      const onlySbom = ['--artifact-type', 'application/vnd.test.sbom'];
      expect(await listed(`${near}/app:1`, ...onlySbom)).toEqual([sbom.root.digest]);

      const { referrers } = await sites.json([
        'pull',
        `${near}/app:1`,
        '--referrers',
        ...into('signed'),
      ]);
      expect(digestsOf(referrers)).toEqual(wanted);
      const list = `sha256-${hexOf(multi.root.digest)}`;
      await sites.json(['push', `docker://${near}/app:1`, `${far}/signed:1`, ...into('signed')]);
      await sites.json(['push', `${near}/app:${list}`, `${far}/signed:${list}`, ...into('signed')]);
      expect(await listed(`${far}/signed:1`)).toEqual(wanted);
    });
  },
);
