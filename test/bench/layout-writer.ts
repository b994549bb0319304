import { createHash, type Hash, randomUUID } from 'node:crypto';
import {
  createWriteStream,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import {
  type Descriptor,
  type DiffID,
  type Digest,
  hexOf,
  parseDiffID,
  parseDigest,
} from '../../store/index.ts';
import { descriptorOf, jsonBytes, mediaTypes } from '../support/descriptor.ts';
import { zstdFrame } from '../support/layers.ts';

/** A layer that a layout has. */
export interface WrittenLayer {
  readonly descriptor: Descriptor;
  readonly diffID: DiffID;
}

export interface LayoutWriter {
  readonly folder: string;
  addLayer(tar: AsyncIterable<Uint8Array>, compression: 'gzip' | 'zstd'): Promise<WrittenLayer>;
  /** Names an image for amd64; `config` is that of the image config. */
  addImage(name: string, layers: readonly WrittenLayer[], config: object): void;
}

interface Index {
  readonly manifests: readonly (Descriptor & { annotations: Readonly<Record<string, string>> })[];
}

const refName = 'org.opencontainers.image.ref.name';
const chunkSize = 2 ** 18;

/** The manifests that a layout names. */
export function manifestsOf(folder: string): ReadonlyMap<string, Descriptor> {
  return new Map(
    readIndex(folder).manifests.map((one) => [one.annotations[refName] ?? '', one] as const),
  );
}

export function fileOfBlob(folder: string, digest: Digest): string {
  return join(folder, 'blobs/sha256', hexOf(digest));
}

function readIndex(folder: string): Index {
  const file = join(folder, 'index.json');
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { manifests: [] };
}

/** Fills an OCI image layout with images whose layers need not fit into memory; zstd ones must. */
export function openLayoutWriter(folder: string): LayoutWriter {
  mkdirSync(join(folder, 'blobs/sha256'), { recursive: true });
  writeFileSync(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}\n');

  function addDocument(mediaType: string, value: object): Descriptor {
    const bytes = jsonBytes(value);
    const descriptor = descriptorOf(mediaType, bytes);
    writeFileSync(fileOfBlob(folder, descriptor.digest), bytes);
    return descriptor;
  }

  return {
    folder,
    async addLayer(tar, compression) {
      const draft = join(folder, `draft-${randomUUID()}`);
      const [plain, packed] = [createHash('sha256'), createHash('sha256')];
      let size = 0;
      await pipeline(
        hashed(tar, plain),
        compression === 'gzip' ? createGzip({ level: 6, chunkSize }) : inOneFrame,
        async function* (source: AsyncIterable<Uint8Array>) {
          for await (const chunk of hashed(source, packed)) {
            size += chunk.length;
            yield chunk;
          }
        },
        createWriteStream(draft),
      );
      const digest = parseDigest(`sha256:${packed.digest('hex')}`);
      renameSync(draft, fileOfBlob(folder, digest));
      const mediaType = mediaTypes.oci.layer.replace('gzip', compression);
      const diffID = parseDiffID(`sha256:${plain.digest('hex')}`);
      return { descriptor: { mediaType, digest, size }, diffID };
    },
    addImage(name, layers, config) {
      const platform = { architecture: 'amd64', os: 'linux' };
      const rootfs = { type: 'layers', diff_ids: layers.map(({ diffID }) => diffID) };
      const manifest = addDocument(mediaTypes.oci.manifest, {
        schemaVersion: 2,
        mediaType: mediaTypes.oci.manifest,
        config: addDocument(mediaTypes.oci.config, { ...platform, config, rootfs }),
        layers: layers.map(({ descriptor }) => descriptor),
      });
      const others = readIndex(folder).manifests.filter((one) => one.annotations[refName] !== name);
      const named = { ...manifest, platform, annotations: { [refName]: name } };
      const index = { schemaVersion: 2, manifests: [...others, named] };
      writeFileSync(join(folder, 'index.json'), `${JSON.stringify(index, undefined, 2)}\n`);
    },
  };
}

async function* hashed(source: AsyncIterable<Uint8Array>, hash: Hash): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    hash.update(chunk);
    yield chunk;
  }
}

async function* inOneFrame(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  yield zstdFrame(Buffer.concat(chunks));
}
