import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectionsIn, traceConnections } from '../support/cli.ts';
import { type BuiltImage, buildImage } from '../support/image.ts';
import { file } from '../support/layers.ts';
import { imageOf, layersOf, multi, nested, noise, successor } from '../support/shipped-images.ts';
import { missingPeers, openSites, type Sites, settings } from '../support/sites.ts';
import { bytesIn, filesOf } from '../support/store-files.ts';

const [amd64, arm64] = [imageOf('amd64'), imageOf('arm64')];
const everyPlatform = ['--platform', 'linux/amd64', '--platform', 'linux/arm64'];

const newer = imageOf('amd64', 'successor');
const traced = { nodeArgs: traceConnections };

/** Enough for documents, tokens and handshakes; no layer of these images is so small. */
const talk = 50_000;

describe.skipIf(missingPeers.length > 0).each(settings)(
  'what osv-convert takes from docker-registry with %s',
  (setting) => {
    let sites: Sites;
    let name = '';

    beforeAll(async () => {
      sites = await openSites(setting);
      name = `${sites.near.host}/acme/app:1`;
      await sites.publish(multi, name);
    });
    afterAll(() => sites.close());

    const at = (path: string): string => join(sites.folder, path);
    const into = (store: string): readonly string[] => ['--store', at(store)];

    async function expectFailure(
      args: readonly string[],
      failure: { readonly exit: number; readonly code: string; readonly says: readonly string[] },
      options?: Parameters<Sites['cli']>[1],
    ): Promise<void> {
      const { code, stdout, stderr } = await sites.cli(args, options);
      for (const text of [`(${failure.code})`, ...failure.says]) expect(stderr).toContain(text);
      expect({ code, stdout }).toEqual({ code: failure.exit, stdout: '' });
    }

    test('pull brings several platforms at once out of nested indexes beside an attestation', async () => {
      const nestedName = `${sites.near.host}/acme/app:nested`;
      await sites.publish(nested, nestedName);
      const pulled = await sites.json(['pull', nestedName, ...everyPlatform, ...into('several')]);
      expect(pulled.images).toMatchObject([
        { reference: nestedName, platform: 'linux/amd64', digest: amd64.root.digest },
        { reference: nestedName, platform: 'linux/arm64', digest: arm64.root.digest },
      ]);
      await expectFailure(['pull', nestedName, '--platform', 'linux/s390x', ...into('several')], {
        exit: 3,
        code: 'PLATFORM_NOT_FOUND',
        says: ['linux/amd64, linux/arm64'],
      });
    });

    test('--pull says when the registry is asked what a tag means', async () => {
      const moving = `${sites.near.host}/acme/app:moving`;
      const inspect = ['inspect', moving, ...into('policy'), '--pull'];
      await sites.publish(multi, moving);
      await expectFailure([...inspect, 'never'], {
        exit: 5,
        code: 'OFFLINE',
        says: [moving, '--pull never'],
      });
      const by = async (policy: string) => {
        const { stdout, stderr } = await sites.cli([...inspect, policy, '--json'], traced);
        return { digest: JSON.parse(stdout).digest, asked: connectionsIn(stderr).length > 0 };
      };
      const [first, second] = [amd64.root.digest, newer.root.digest];
      expect(await by('missing')).toEqual({ digest: first, asked: true });
      await sites.publish(successor, moving);
      expect(await by('never')).toEqual({ digest: first, asked: false });
      expect(await by('missing')).toEqual({ digest: first, asked: false });
      expect(await by('always')).toEqual({ digest: second, asked: true });
    });

    test('--offline opens no socket and names what is missing', async () => {
      const offline = (command: string) => [command, name, '--offline', ...into('offline')];
      const run = async (args: readonly string[]) => await sites.cli(args, traced);

      const missing = await run(offline('inspect'));
      expect(missing).toMatchObject({ code: 5, stdout: '' });
      expect(missing.stderr).toContain('found no image of that name for linux/amd64');
      expect(missing.stderr).toContain(`osv-convert pull --platform linux/amd64 ${name}`);
      expect(connectionsIn(missing.stderr)).toEqual([]);

      const pulled = await run(['pull', name, ...into('offline')]);
      expect(pulled, pulled.stderr).toMatchObject({ code: 0 });
      expect(connectionsIn(pulled.stderr)).toContain(sites.near.host);
      const found = await run([...offline('inspect'), '--json']);
      expect(JSON.parse(found.stdout).digest).toBe(amd64.root.digest);
      expect(connectionsIn(found.stderr)).toEqual([]);

      const [, layer = expect.fail('the image has one layer')] = amd64.layers;
      await rm(at(`offline/layers/v2/${layer.diffID.replace(':', '/')}`), { recursive: true });
      await rm(at(`offline/blobs/${layer.descriptor.digest.replace(':', '/')}`));
      const lost = await run(offline('inspect'));
      expect(lost.stderr).toContain(`found no layer ${layer.descriptor.digest}`);
      expect(lost).toMatchObject({ code: 5, stdout: '' });
      expect(connectionsIn(lost.stderr)).toEqual([]);
    });

    test('--frozen takes what was locked, and nothing once the registry has only what the tag moved to', async () => {
      const locked = `${sites.near.host}/acme/locked:1`;
      const here = { cwd: sites.folder };
      await sites.publish(multi, locked);
      const lock = ['--lock', 'osv-convert.lock'];
      await sites.json(['pull', locked, ...lock, ...into('locking')], here);
      await sites.publish(successor, locked);

      const inspect = ['inspect', locked, '--frozen'];
      const frozen = await sites.json([...inspect, ...into('frozen')], here);
      expect(frozen.digest).toBe(amd64.root.digest);

      const moved = await sites.json(['pull', locked, ...into('moved')], here);
      expect(moved.digest).toBe(newer.root.digest);
      await expectFailure(
        [...inspect, '--offline', ...into('moved')],
        { exit: 5, code: 'OFFLINE', says: [`found no ${amd64.root.digest}`] },
        here,
      );
      const [repository = ''] = locked.split(/:1$/);
      await sites.skopeo('delete', `docker://${repository}@${multi.root.digest}`);
      await expectFailure(
        ['pull', locked, '--frozen', ...into('moved')],
        { exit: 3, code: 'IMAGE_NOT_FOUND', says: [multi.root.digest] },
        here,
      );
    });

    test('mirrors are asked before the registry, digest-only ones for no tag', async () => {
      const { near, far, plainHttp } = sites;
      await sites.publish(multi, `${far.host}/hub/acme/app:1`);
      const config = at('config.json');
      const hub = { location: `${far.host}/hub`, plainHttp };
      const mirrors = { 'docker.io': [hub], [near.host]: [{ ...hub, digestOnly: true }] };
      await writeFile(config, JSON.stringify({ mirrors }));
      const pull = async (reference: string, store: string) => {
        const args = ['pull', reference, '--config', config, ...into(store)];
        const { stdout, stderr } = await sites.cli(args, traced);
        return { stdout, stderr, asked: connectionsIn(stderr) };
      };
      const mirrored = await pull('docker.io/acme/app:1', 'mirrored');
      expect(mirrored.stdout).toContain(`docker.io/acme/app:1@${amd64.root.digest}`);
      expect(mirrored.asked).toContain(far.host);
      expect(mirrored.asked).not.toContain(near.host);

      const sent = [near.sent(), far.sent()] as const;
      const byDigest = await pull(name, 'digest-only');
      expect(byDigest.stdout).toContain(`${name}@${amd64.root.digest}`);
      expect(byDigest.asked).toEqual(expect.arrayContaining([near.host, far.host]));
      expect(near.sent() - sent[0]).toBeLessThan(talk);
      expect(far.sent() - sent[1]).toBeGreaterThan(layersOf(amd64));

      await sites.publish(successor, `${near.host}/acme/app:newer`);
      const { stdout, stderr } = await pull(`${near.host}/acme/app:newer`, 'newer');
      expect(stdout).toContain(newer.root.digest);
      expect(stderr).toContain(`going on without mirror ${far.host}/hub`);
    });

    test('--limit-rate keeps below the rate', async () => {
      const seconds = 1.5;
      const rate = ['--limit-rate', `${Math.ceil(layersOf(amd64) / seconds)}`];
      const begun = performance.now();
      await sites.json(['pull', name, ...rate, ...into('slow')]);
      expect(performance.now() - begun).toBeGreaterThan(seconds * 1000 - 50);
    });

    test('doctor tells the way and the step that fails, login and logout change it', async () => {
      const own = { env: { REGISTRY_AUTH_FILE: at('own.json') } };
      const examine = async () => {
        const { code, stdout } = await sites.cli(['doctor', name, '--json'], own);
        const steps: readonly { name: string; status: string; text: string }[] =
          JSON.parse(stdout).steps;
        const [status, text] = (['status', 'text'] as const).map((member) =>
          Object.fromEntries(steps.map((step) => [step.name, step[member]])),
        );
        return { code, status, text };
      };
      const refused = {
        code: 4,
        status: { api: 'ok', authenticate: 'failed', manifest: 'skipped', layer: 'skipped' },
        text: { credentials: `none are stored for ${sites.near.host}: access is anonymous` },
      };
      expect(await examine()).toMatchObject(refused);
      await sites.json(['login', sites.near.host, '-u', sites.user.username, '--password-stdin'], {
        ...own,
        input: sites.user.password,
      });
      expect(await examine()).toMatchObject({
        code: 0,
        status: { tls: setting === 'tls' ? 'ok' : 'skipped', authenticate: 'ok', layer: 'ok' },
        text: {
          api: expect.stringMatching(
            setting === 'tokens' ? /^it wants a token of 127\.0\.0\.1/ : /basic authentication$/,
          ),
          tls: expect.stringContaining(
            setting === 'tls' ? 'issued by an authority for tests' : 'plain HTTP',
          ),
          credentials: `those of ${at('own.json')}`,
          manifest: expect.stringContaining(`leads to ${amd64.root.digest}`),
          layer: expect.stringContaining('goes on where it stopped'),
        },
      });
      const { removedFrom } = await sites.json(['logout', sites.near.host], own);
      expect(removedFrom).toEqual([at('own.json')]);
    });

    test('pull continues and ends identical when it was killed in the middle', async () => {
      const image: BuiltImage = buildImage({
        layers: [2_000_000, 1_000_000].map((size) => [file(`f${size}`, noise(size))]),
      });
      const large = `${sites.near.host}/acme/large:1`;
      await sites.publish(image, large);
      const store = at('killed');
      const line = await sites.shortLine(() => bytesIn(store));
      const args = ['pull', large.replace(sites.near.host, line.host), '--store', store];
      const kill = new AbortController();
      const killed = sites.cli(args, { signal: kill.signal, killSignal: 'SIGKILL' });
      let ended = false;
      void killed.finally(() => {
        ended = true;
      });
      while (!ended && line.carried() < layersOf(image) / 2) await delay(1);
      kill.abort();
      expect((await killed).code).toBeNull();
      line.lose();
      const { code, stderr } = await sites.cli([...args, '--quiet']);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      // What was on its way at its death comes anew, and the documents; the layers come once.
      expect(line.carried() / layersOf(image)).toBeLessThan(1.1);

      await sites.json(['pull', large, ...into('undisturbed')]);
      for (const part of ['blobs', 'layers']) {
        expect(filesOf(join(store, part))).toEqual(filesOf(at(`undisturbed/${part}`)));
      }
      expect(filesOf(join(store, 'ingest'))).toEqual({});
    });
  },
);
