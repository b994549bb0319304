import { Buffer } from 'node:buffer';
import { helloImage } from '../hello-image.ts';
import { type BuiltImage, buildImage } from '../image.ts';
import { buildLayer, file } from '../layers.ts';
import { seededRandom } from '../seeded-random.ts';

/** Images by their names in a registry. Those with the word `hello` hold an app that can be built. */
export type LoadImages = Readonly<Record<string, BuiltImage>>;

const kilobyte = 1024;

/** What stays, whatever else comes and goes: by its name, or by a lease. */
export const lasting = { kept: 'kept:1', held: 'held:1' } as const;

/** Images that share layers with each other, of 50 to 300 kB; each also has one that no other has. */
export async function loadImages(seed: number): Promise<LoadImages> {
  const random = seededRandom(seed);
  const layerOf = (name: string, size: number) =>
    buildLayer([file(name, Buffer.from(Array.from({ length: size }, () => random() * 256)))]);
  const bases = [layerOf('base-0', 300 * kilobyte), layerOf('base-1', 200 * kilobyte)];
  const common = layerOf('common', 120 * kilobyte);
  const imageOf = (name: string, at: number) => {
    const base = bases[at % bases.length] ?? common;
    const own = layerOf(name, (50 + 30 * at) * kilobyte);
    return buildImage({ layers: at % 3 === 0 ? [base, own] : [base, common, own] });
  };
  const apps = Array.from({ length: 5 }, (_, at) => [`app-${at}:1`, imageOf(`app-${at}`, at)]);
  const hello = await helloImage();
  const { config } = JSON.parse(Buffer.from(hello.blobs.get(hello.config.digest) ?? []).toString());
  const second = buildImage({ layers: [...hello.layers, [file('etc/second', 'x')]], config });
  return {
    ...Object.fromEntries(apps),
    'hello-0:1': hello,
    'hello-1:1': second,
    [lasting.kept]: imageOf('kept', 5),
    [lasting.held]: imageOf('held', 6),
  };
}
