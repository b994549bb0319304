import type { Descriptor, DescriptorPlatform } from '../../store/index.ts';
import { ConvertError } from '../error.ts';
import type { ImageIndex } from './image-index.ts';
import { isDocumentType } from './media-type.ts';

/** What an image was built for, in Go's spelling (OCI image-spec, image-index.md, `platform`). */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

const architectures: ReadonlyMap<string, Omit<Platform, 'os'>> = new Map([
  ['x86_64', { architecture: 'amd64' }],
  ['x86-64', { architecture: 'amd64' }],
  ['x64', { architecture: 'amd64' }],
  ['aarch64', { architecture: 'arm64' }],
  ['i386', { architecture: '386' }],
  ['armhf', { architecture: 'arm', variant: 'v7' }],
  ['armel', { architecture: 'arm', variant: 'v6' }],
]);

/** The variant that is meant where none is written. */
const baseVariants: ReadonlyMap<string, string> = new Map([
  ['amd64', 'v1'],
  ['arm64', 'v8'],
  ['arm', 'v7'],
]);

const component = /^[a-z0-9_.-]+$/;

/**
 * Reads `os/architecture[/variant]`, with the usual other names of architectures.
 * @throws ConvertError `PLATFORM_INVALID`.
 */
export function parsePlatform(text: string): Platform {
  const [os, architecture, variant, ...rest] = text.toLowerCase().split('/');
  const parts = [os, architecture, ...(variant === undefined ? [] : [variant])];
  const valid = parts.every((part) => part !== undefined && component.test(part));
  if (!valid || os === undefined || architecture === undefined || rest.length > 0) {
    throw new ConvertError(
      'PLATFORM_INVALID',
      `reading the platform: found ${JSON.stringify(text.slice(0, 80))}, wanted OS/ARCHITECTURE[/VARIANT]`,
      { hint: '--platform linux/amd64' },
    );
  }
  return normalizePlatform({ os, architecture, ...(variant !== undefined && { variant }) });
}

/** One spelling for each platform: aliases replaced, the variant everyone has left out. */
export function normalizePlatform(platform: Platform): Platform {
  const { architecture, variant } = { ...platform, ...architectures.get(platform.architecture) };
  const number = variant?.replace(/^(?=\d)/, 'v');
  const needless = !number || number === baseVariants.get(architecture);
  return { os: platform.os, architecture, ...(!needless && { variant: number }) };
}

export function formatPlatform({ os, architecture, variant }: Platform): string {
  return variant === undefined ? `${os}/${architecture}` : `${os}/${architecture}/${variant}`;
}

/** True when what was built for `found` runs on `wanted`. */
export function platformMatches(found: Platform, wanted: Platform): boolean {
  return rank(found, wanted) !== undefined;
}

/**
 * The manifest of `index` that is best for `wanted`: the same variant, else the highest below it;
 * among equals the first. Attestations and artifacts never match. An entry without a platform (a
 * nested index, or a lone image) is taken only when it is the only one and nothing else matches:
 * what it leads to is then the caller's to check, and how deep to follow it, to cap.
 * @throws ConvertError `PLATFORM_NOT_FOUND`, naming what there is.
 */
export function choosePlatform(index: ImageIndex, wanted: Platform): Descriptor {
  const images = index.manifests.filter(isImage);
  const best = bestForPlatform(images, wanted);
  if (best !== undefined) {
    return best;
  }
  const [lone, ...others] = images.filter(({ platform }) => platform === undefined);
  if (lone !== undefined && others.length === 0) {
    return lone;
  }
  throw notFound(images, wanted);
}

/** The descriptor whose platform serves `wanted` best, by the rules of `choosePlatform`. */
export function bestForPlatform(
  descriptors: readonly Descriptor[],
  wanted: Platform,
): Descriptor | undefined {
  let best: { readonly descriptor: Descriptor; readonly rank: number } | undefined;
  for (const descriptor of descriptors) {
    const fit = descriptor.platform && rank(descriptor.platform, wanted);
    if (fit !== undefined && (best === undefined || fit > best.rank)) {
      best = { descriptor, rank: fit };
    }
  }
  return best?.descriptor;
}

/** BuildKit's attestations stand in an index as images of the platform unknown/unknown. */
function isImage({ mediaType, artifactType, platform }: Descriptor): boolean {
  return isDocumentType(mediaType) && artifactType === undefined && platform?.os !== 'unknown';
}

/** How well `found` serves `wanted`: the height of its variant; undefined when it does not. */
function rank(found: DescriptorPlatform, wanted: Platform): number | undefined {
  const [a, b] = [normalizePlatform(found), normalizePlatform(wanted)];
  if (a.os !== b.os || a.architecture !== b.architecture) {
    return undefined;
  }
  const base = baseVariants.get(a.architecture) ?? '';
  const [have, want] = [a.variant ?? base, b.variant ?? base];
  if (have === want) {
    return Number.POSITIVE_INFINITY;
  }
  const [height, limit] = [heightOf(have), heightOf(want)];
  return height < limit ? height : undefined;
}

/** The number of a variant such as `v7`; NaN, which compares with nothing, for any other. */
function heightOf(variant: string): number {
  return Number(/^v(\d{1,4}(?:\.\d{1,4})?)$/.exec(variant)?.[1]);
}

/** The processors that disks are made for, with what `dotnet publish` calls them. */
const guestArchitectures: ReadonlyMap<string, string> = new Map([
  ['amd64', 'x64'],
  ['arm64', 'arm64'],
]);

/**
 * What to do where an image has `found` and not `wanted`: to publish it for the platform of the guest, or
 * to take another, which `command` says how to.
 * @param found as `formatPlatform` writes them.
 */
export function hintFor(
  found: readonly string[],
  wanted: Platform,
  command: (platform: string) => string,
): string | undefined {
  const [first] = found;
  if (first === undefined) return undefined;
  const isOf = (one: string, architecture: string): boolean =>
    one === `linux/${architecture}` || one.startsWith(`linux/${architecture}/`);
  const same = found.find((one) => isOf(one, wanted.architecture));
  const near =
    same ?? found.find((one) => [...guestArchitectures.keys()].some((a) => isOf(one, a)));
  const arch = guestArchitectures.get(wanted.architecture);
  if (arch === undefined || same !== undefined) return command(near ?? first);
  const guest = `linux/${wanted.architecture}`;
  const publish = `publish it for ${guest}: docker buildx build --platform ${guest}, or dotnet publish --os linux --arch ${arch} /t:PublishContainer`;
  return near === undefined ? publish : `${publish}\nor, for other machines: ${command(near)}`;
}

function notFound(images: readonly Descriptor[], wanted: Platform): ConvertError {
  const known = images.flatMap(({ platform }) => (platform ? [formatPlatform(platform)] : []));
  const names = [...new Set(known)].map((name) => name.replace(/[^\x21-\x7e]/g, '?').slice(0, 60));
  const found = names.length > 20 ? `${names.slice(0, 20).join(', ')}, …` : names.join(', ');
  const hint = hintFor(names, wanted, (name) => `--platform ${name}`);
  return new ConvertError(
    'PLATFORM_NOT_FOUND',
    `choosing the platform: found ${found || 'no image with a platform'}, wanted ${formatPlatform(wanted)}`,
    hint === undefined ? {} : { hint },
  );
}
