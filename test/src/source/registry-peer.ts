import { afterEach, expect } from 'vitest';
import { parseReference } from '../../../src/oci/reference.ts';
import {
  createRegistrySource,
  type RegistryOptions,
} from '../../../src/source/registry/registry.ts';
import type { Source, SourceEvent } from '../../../src/source/source.ts';
import type { Descriptor } from '../../../store/index.ts';
import { descriptorOf, mediaTypes } from '../../support/descriptor.ts';
import { buildImage } from '../../support/image.ts';
import { buildLayer } from '../../support/layers.ts';
import { instantPace } from '../../support/pace.ts';
import type { Fault, Flaw } from '../../support/registry/faults.ts';
import { type Registry, startRegistry } from '../../support/registry/registry.ts';

/** Bytes that no compression or repetition makes shorter, the same in each run. */
export function noise(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = 1;
  for (let at = 0; at < length; at += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

/** A layer that comes in many pieces. */
const layer = noise(3_000_000);

export const image = buildImage({ layers: [buildLayer([], { blob: layer })] });
export const { mediaType, digest: rootDigest, size } = image.root;
export const layerDescriptor = blobDescriptor(layer);

export function blobDescriptor(bytes: Uint8Array): Descriptor {
  return descriptorOf(mediaTypes.oci.layer, bytes);
}

/** What is closed after each test. */
export const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

/** A registry with the image. */
export async function serve(
  options: Partial<Parameters<typeof startRegistry>[0]> = {},
): Promise<Registry> {
  const registry = await startRegistry({ images: { 'acme/app:1.0': image }, ...options });
  closers.push(() => registry.close());
  return registry;
}

interface Peer {
  readonly registry: Registry;
  readonly source: Source;
  readonly delays: readonly number[];
  readonly events: readonly SourceEvent[];
}

/** A source of an image of such a registry, with what is seen on both sides. */
export async function connect(
  serving: Parameters<typeof serve>[0] = {},
  name = 'acme/app:1.0',
  options: RegistryOptions = {},
): Promise<Peer> {
  const registry = await serve(serving);
  const pace = instantPace();
  const events: SourceEvent[] = [];
  const onEvent = (event: SourceEvent) => void events.push(event);
  const reference = parseReference(`${registry.host}/${name}`);
  const source = createRegistrySource(reference, { pace, onEvent, ...options });
  return { registry, source, delays: pace.delays, events };
}

/** A registry at which this goes wrong, so many times. */
export function fault(
  on: Fault['on'],
  flaw: Flaw,
  times = Number.POSITIVE_INFINITY,
): Partial<Parameters<typeof startRegistry>[0]> {
  return { faults: [{ on, flaw, times }] };
}

export const status = (
  code: number,
  more: Partial<Extract<Flaw, { kind: 'status' }>> = {},
): Flaw => ({
  kind: 'status',
  status: code,
  ...more,
});

export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) {
    all.push(chunk);
  }
  return Buffer.concat(all);
}

/** An error of this code whose message has these texts in this order. */
export const failure = (code: string, ...texts: readonly string[]) =>
  expect.objectContaining({
    code,
    message: expect.stringMatching(new RegExp(texts.map(escaped).join('.*'), 's')),
  });

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
