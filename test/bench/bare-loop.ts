import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { createGunzip } from 'node:zlib';

/*
 * The least that taking in an image of gzip layers can cost in Node: fetches the layers, all at once,
 * digests them, inflates them and digests what comes out, and keeps nothing.
 *
 *   node dist/test/bench/bare-loop.js http://HOST/v2/NAME TAG
 */

const [repository = '', tag = ''] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true });
const manifestType = 'application/vnd.oci.image.manifest.v1+json';
/** Inflating goes on in its thread while what it gave is hashed here. */
const inflating = { chunkSize: 2 ** 18, readableHighWaterMark: 2 ** 22 };

interface Layer {
  readonly digest: string;
}

const manifest: { config: Layer; layers: readonly Layer[] } = JSON.parse(
  await text(`manifests/${tag}`),
);
const config: { rootfs: { diff_ids: readonly string[] } } = JSON.parse(
  await text(`blobs/${manifest.config.digest}`),
);
await Promise.all(
  manifest.layers.map(({ digest }, at) => take(digest, config.rootfs.diff_ids[at] ?? '')),
);
agent.destroy();

async function take(digest: string, diffID: string): Promise<void> {
  const blob = createHash('sha256');
  const tar = createHash('sha256');
  const gunzip = createGunzip(inflating);
  await Promise.all([feed(), drain()]);
  check(blob.digest('hex'), digest);
  check(tar.digest('hex'), diffID);

  async function feed(): Promise<void> {
    for await (const chunk of await fetched(`blobs/${digest}`)) {
      blob.update(chunk);
      if (!gunzip.write(chunk)) await once(gunzip, 'drain');
    }
    gunzip.end();
  }

  async function drain(): Promise<void> {
    for await (const chunk of gunzip) tar.update(chunk);
  }
}

function check(hex: string, wanted: string): void {
  if (`sha256:${hex}` !== wanted)
    throw new Error(`bare loop: found sha256:${hex}, wanted ${wanted}`);
}

async function text(path: string): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of await fetched(path)) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function fetched(path: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const options = { agent, headers: { accept: manifestType } };
    get(`${repository}/${path}`, options, (response) => {
      if (response.statusCode === 200) resolve(response);
      else reject(new Error(`bare loop: ${path}: found ${response.statusCode}, wanted 200`));
    }).on('error', reject);
  });
}
