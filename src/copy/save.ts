import { stat } from 'node:fs/promises';
import type { Descriptor, Digest, Store } from '../../store/index.ts';
import { ConvertError } from '../error.ts';
import type { OnEvent } from '../event.ts';
import { formatLocation, nameOf } from '../oci/location.ts';
import { parsePlatform } from '../oci/platform.ts';
import { withHealing } from '../pull/heal.ts';
import { chooseManifest } from '../pull/resolve-image.ts';
import { type OpenedSource, openSource } from '../source/open.ts';
import type { RegistryOptions } from '../source/registry/registry.ts';
import { dockerFiles, type PlainImage } from '../target/docker-archive.ts';
import { type LayoutFile, layoutFiles, type OutgoingImage } from '../target/layout.ts';
import { tarOf } from '../target/tar.ts';
import { ociImage, type SoughtImage } from './oci-image.ts';
import { type WriteOptions, writeFileOf, writeLayout } from './output-layout.ts';
import { plainImage } from './plain-image.ts';
import { outgoingLocation } from './stored-names.ts';
import { requireStored } from './stored-referrers.ts';

const saveFormats = ['oci', 'oci-archive', 'docker-archive'] as const;

export type SaveFormat = (typeof saveFormats)[number];

export interface SaveOptions {
  /** By the shape of `output` when absent: a folder, or a name that ends in `/`, is a layout. */
  readonly format?: SaveFormat;
  /** `os/architecture[/variant]`. Absent: all there are; in a docker-archive `linux/amd64`. */
  readonly platform?: string;
  /** True: what refers to the images in the store goes with them. */
  readonly referrers?: boolean;
  /** How registries are reached. */
  readonly registry?: RegistryOptions;
  readonly onEvent?: OnEvent;
  readonly signal?: AbortSignal;
}

export interface Saved {
  readonly output: string;
  readonly format: SaveFormat;
  readonly images: readonly { readonly reference: string; readonly digest: Digest }[];
  /** What went with the images, where that was wanted. */
  readonly referrers?: readonly Descriptor[];
}

/**
 * Copies images into an OCI image layout or an archive, byte for byte; equal images give equal
 * files. A bare name is one in the store; other locations are read as they are, each once.
 * @throws ConvertError the codes of references, sources and outputs; `USAGE` for referrers of an image
 * that is not one of the store, and in a docker-archive; StoreError.
 */
export async function save(
  store: Store,
  texts: readonly string[],
  output: string,
  options: SaveOptions = {},
): Promise<Saved> {
  return await withHealing(store, options, () => saveOnce(store, texts, output, options));
}

async function saveOnce(
  store: Store,
  texts: readonly string[],
  output: string,
  options: SaveOptions,
): Promise<Saved> {
  const format = options.format ?? (await formatOf(output));
  if (options.referrers && format === 'docker-archive') throw withoutSubjects(output);
  const opened: OpenedSource[] = [];
  try {
    const images: SoughtImage[] = [];
    const sought = new Set<string>();
    for (const text of texts) {
      const location = await outgoingLocation(store, text);
      if (sought.has(formatLocation(location))) continue;
      sought.add(formatLocation(location));
      if (options.referrers) requireStored(location);
      const source = await openSource(location, { ...options, store });
      opened.push(source);
      images.push({ name: nameOf(location), source, root: await source.resolve(options) });
    }
    const written =
      format === 'docker-archive'
        ? await saveDocker(store, images, output, options)
        : await saveOci(store, images, output, { ...options, format });
    return { output, format, ...written };
  } finally {
    for (const source of opened) await source.close();
  }
}

type Written = Pick<Saved, 'images' | 'referrers'>;

function withoutSubjects(output: string): ConvertError {
  return new ConvertError(
    'USAGE',
    `saving referrers to ${output}: found a docker-archive, which has no manifests to refer to, wanted a layout or an OCI archive`,
    { hint: '--format oci-archive' },
  );
}

async function formatOf(output: string): Promise<SaveFormat> {
  const found = await stat(output).catch(() => undefined);
  return output.endsWith('/') || found?.isDirectory() ? 'oci' : 'oci-archive';
}

async function saveOci(
  store: Store,
  sought: readonly SoughtImage[],
  output: string,
  options: SaveOptions & { readonly format: SaveFormat },
): Promise<Written> {
  const images: OutgoingImage[] = [];
  for (const image of sought) images.push(await ociImage(store, image, options));
  if (options.format === 'oci') {
    const size = totalOf(layoutFiles(images));
    await writeLayout(output, images, writeOptions(output, size, options));
  } else {
    await writeTar(output, layoutFiles(images), options);
  }
  const referrers = images.flatMap((image) => image.referrers.map(({ descriptor }) => descriptor));
  return {
    images: images.map(({ name, root }) => ({ reference: name, digest: root.digest })),
    ...(options.referrers && {
      referrers: [...new Map(referrers.map((one) => [one.digest, one])).values()],
    }),
  };
}

async function saveDocker(
  store: Store,
  sought: readonly SoughtImage[],
  output: string,
  options: SaveOptions,
): Promise<Written> {
  const platform = parsePlatform(options.platform ?? 'linux/amd64');
  const images: PlainImage[] = [];
  const digests: { reference: string; digest: Digest }[] = [];
  for (const { name, source, root } of sought) {
    const { onEvent, signal } = options;
    const transfer = { store, source, ...(onEvent && { onEvent }), ...(signal && { signal }) };
    const chosen = await chooseManifest(transfer, root, platform);
    images.push(await plainImage(transfer, name, chosen));
    digests.push({ reference: name, digest: chosen.descriptor.digest });
  }
  await writeTar(output, dockerFiles(images), options);
  return { images: digests };
}

async function writeTar(
  output: string,
  files: readonly LayoutFile[],
  options: SaveOptions,
): Promise<void> {
  await writeFileOf(output, tarOf(files), writeOptions(output, totalOf(files), options));
}

function totalOf(files: readonly LayoutFile[]): number {
  return files.reduce((total, { size }) => total + size, 0);
}

/** `size` leaves out what makes a tar of the files: the last event says so. */
function writeOptions(path: string, size: number, { onEvent, signal }: SaveOptions): WriteOptions {
  let written = 0;
  return {
    onBytes(bytes) {
      written = Math.min(size, written + bytes);
      onEvent?.({ event: 'write', path, written, size });
    },
    ...(signal && { signal }),
  };
}
