import type { Descriptor, Digest } from '../../store/index.ts';
import { ConvertError, errorCodeOf } from '../error.ts';
import { type Links, parseLinks } from '../oci/links.ts';
import { configTypes, isDocumentType } from '../oci/media-type.ts';
import { readDocument } from '../source/document.ts';
import { isReferrersList } from '../source/layout/choose.ts';
import type { Images, NamedImage } from '../source/layout/images.ts';
import type { SourceCallOptions } from '../source/source.ts';

/** What in a layout or an archive is no image of its own, but refers to one. */
export interface FileReferrers {
  /** What refers to a manifest or an index. */
  of(subject: Digest): readonly FileReferrer[];
  /** Whether an entry is listed only for what refers to something. */
  includes(entry: NamedImage): boolean;
}

export interface FileReferrer {
  readonly descriptor: Descriptor;
  /** A blob of it that the file lacks. */
  readonly missing?: Digest;
}

/** Manifests of one file that are read only to see what they refer to. */
const cap = 4096;

/**
 * Finds it wherever tools put it: among the entries of index.json, with containerd's annotation or, as
 * oras has it, without a name; or in an index under the tag of the tag schema, as regctl has it. What
 * the file lacks, and what is no manifest, refers to nothing.
 * @throws ConvertError `MANIFEST_INVALID` above the cap, `DIGEST_MISMATCH`, the codes of sources.
 */
export async function findReferrers(
  images: Images,
  options: SourceCallOptions = {},
): Promise<FileReferrers> {
  const bySubject = new Map<Digest, FileReferrer[]>();
  const seen = new Set<Digest>();

  const isThere = async ({ digest, size }: Descriptor) => (await images.size(digest)) === size;

  async function missingOf(blobs: readonly Descriptor[]): Promise<Descriptor | undefined> {
    for (const blob of blobs) {
      if (!(await isThere(blob))) return blob;
    }
    return undefined;
  }

  async function read(descriptor: Descriptor): Promise<Links | undefined> {
    if (!isDocumentType(descriptor.mediaType) || !(await isThere(descriptor))) return undefined;
    try {
      return await parseLinks(await readDocument(images, descriptor, options));
    } catch (error) {
      if (errorCodeOf(error) === 'MANIFEST_INVALID') return undefined;
      throw error;
    }
  }

  async function look(descriptor: Descriptor): Promise<void> {
    if (seen.has(descriptor.digest)) return;
    seen.add(descriptor.digest);
    if (seen.size > cap) throw tooMany(images);
    const links = await read(descriptor);
    const subject = links?.subject?.digest;
    if (links === undefined || subject === undefined || isImage(descriptor, links)) return;
    const missing = await missingOf(links.blobs);
    const referrer = { descriptor, ...(missing && { missing: missing.digest }) };
    const known = bySubject.get(subject);
    if (known === undefined) bySubject.set(subject, [referrer]);
    else known.push(referrer);
  }

  for (const descriptor of images.referrers) await look(descriptor);
  for (const entry of images.list) {
    if (!isReferrersList(entry)) await look(entry.descriptor);
    else for (const one of (await read(entry.descriptor))?.manifests ?? []) await look(one);
  }
  const all = new Set([...bySubject.values()].flat().map(({ descriptor }) => descriptor.digest));
  return {
    of: (subject) => bySubject.get(subject) ?? [],
    includes: (entry) => isReferrersList(entry) || all.has(entry.descriptor.digest),
  };
}

/** An image may refer to another, and is one all the same. */
function isImage({ artifactType }: Descriptor, links: Links): boolean {
  return configTypes.includes(artifactType ?? links.artifactType ?? '');
}

function tooMany({ where }: Images): ConvertError {
  return new ConvertError(
    'MANIFEST_INVALID',
    `looking for referrers in ${where}: found more than ${cap} manifests, wanted fewer`,
  );
}
