import type { Digest, Store } from '../store/index.ts';
import { parseReference, type Reference } from './oci/reference.ts';
import { withHealing } from './pull/heal.ts';
import type { StoredImage } from './pull/image.ts';
import { obtain, type PullOptions } from './pull/pull.ts';
import type { ComponentKind } from './sbom/component.ts';
import { cyclonedxOf } from './sbom/cyclonedx.ts';
import type { Unread } from './sbom/damaged.ts';
import { formatDocument, type Subject } from './sbom/document.ts';
import { takeInventory } from './sbom/inventory.ts';
import { formatPurl } from './sbom/purl.ts';
import { spdxOf } from './sbom/spdx.ts';
import { thisTool } from './sbom/tool.ts';
import { withLayers } from './tree/open-layers.ts';

export type SbomFormat = 'cyclonedx' | 'spdx';

export interface SbomOptions extends PullOptions {
  readonly format: SbomFormat;
  /** Seconds since 1970 that stand for the time of making (reproducible-builds.org, SOURCE_DATE_EPOCH). */
  readonly epoch?: number;
}

/** An SBOM, and what is in it. */
export interface Sbom {
  readonly reference: string;
  readonly digest: Digest;
  readonly format: SbomFormat;
  /** The document, JSON. */
  readonly text: string;
  readonly components: Readonly<Partial<Record<ComponentKind, number>>>;
  /** Files of which nothing is in it; the document says so, too. */
  readonly unread: readonly Unread[];
}

/**
 * Writes down what an image is made of, from deps.json files, single-file apps and the databases of dpkg,
 * apk and rpm. The same image gives the same bytes: the time in them is `epoch`, else that of the image's
 * config, else 1970. An image that is not in the store is pulled first.
 * @throws what `obtain` throws; StoreError.
 */
export async function createSbom(
  store: Store,
  reference: string,
  options: SbomOptions,
): Promise<Sbom> {
  return await withHealing(store, options, async () => {
    const image = await obtain(store, reference, options);
    return await withLayers(store, async ({ flatten, contents }) => {
      const tree = await flatten(image.layers.map(({ diffID }) => diffID));
      const inventory = await takeInventory(tree, contents);
      // What looks damaged in the image may be the fault of the disk under the store.
      if (inventory.unread.length > 0) contents.verifyRead();
      for (const { path, reason } of inventory.unread.slice(0, warningCap)) {
        options.onEvent?.({
          event: 'warning',
          text: `the SBOM leaves out what ${path} tells of: found ${reason}`,
        });
      }
      const parts = { subject: subjectOf(image, options.epoch), tool: thisTool(), inventory };
      const document = options.format === 'spdx' ? spdxOf(parts) : cyclonedxOf(parts);
      const components: Partial<Record<ComponentKind, number>> = {};
      for (const { kind } of inventory.components) components[kind] = (components[kind] ?? 0) + 1;
      return {
        reference: image.name,
        digest: image.descriptor.digest,
        format: options.format,
        text: formatDocument(document),
        components,
        unread: inventory.unread,
      };
    });
  });
}

const warningCap = 20;

function subjectOf({ name, descriptor, config }: StoredImage, epoch: number | undefined): Subject {
  const { digest } = descriptor;
  const reference = referenceOf(name);
  const path = reference?.repository.split('/').at(-1) ?? name;
  const purl = formatPurl({
    type: 'oci',
    name: path,
    version: digest,
    qualifiers: {
      arch: config.architecture,
      repository_url: reference && `${reference.registry}/${reference.repository}`,
      tag: reference?.tag,
    },
  });
  return { name, digest, purl, timestamp: timestampOf(epoch, config.created) };
}

/** Any text is a name in the store. */
function referenceOf(name: string): Reference | undefined {
  try {
    return parseReference(name);
  } catch {
    return undefined;
  }
}

function timestampOf(epoch: number | undefined, created: string | undefined): string {
  const told = created !== undefined && /^\d{4}-\d\d-\d\dT/.test(created) ? Date.parse(created) : 0;
  const time = epoch === undefined ? told : epoch * 1000;
  const date = new Date(Number.isNaN(time) || time < 0 ? 0 : time);
  return date.toISOString().replace(/\.\d+Z$/, 'Z');
}
