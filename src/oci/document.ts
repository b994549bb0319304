import { ConvertError } from '../error.ts';
import { type ImageIndex, imageIndexOf } from './image-index.ts';
import { decodeJson, type JsonObject } from './json.ts';
import { type Manifest, manifestOf } from './manifest.ts';
import { indexTypes, isDocumentType, manifestTypes, schema1Types } from './media-type.ts';

/** What a name may lead to. */
export type Document =
  | { readonly kind: 'manifest'; readonly manifest: Manifest }
  | { readonly kind: 'index'; readonly index: ImageIndex };

/**
 * Reads what lies behind a reference or a descriptor. `mediaType` is what the descriptor or the
 * registry says it is; a document that says otherwise is refused, since two readers could then see
 * two images behind one digest (CVE-2021-41190).
 * @throws ConvertError `MANIFEST_INVALID`, `IMAGE_UNSUPPORTED`.
 */
export async function parseDocument(bytes: Uint8Array, mediaType: string): Promise<Document> {
  const json = decodeJson(bytes, 'the manifest', 'MANIFEST_INVALID');
  refuseSchema1(json, mediaType);
  refuseAmbiguity(json, mediaType);
  return 'manifests' in json
    ? { kind: 'index', index: await imageIndexOf(json) }
    : { kind: 'manifest', manifest: await manifestOf(json) };
}

function refuseSchema1(json: JsonObject, mediaType: string): void {
  if (json['schemaVersion'] === 1 || schema1Types.includes(mediaType)) {
    throw new ConvertError(
      'IMAGE_UNSUPPORTED',
      'reading the manifest: found Docker schema version 1, wanted 2 (schema 1 does not name the contents of its layers)',
      { hint: 'push the image again with a current docker, podman or skopeo' },
    );
  }
}

function refuseAmbiguity(json: JsonObject, told: string): void {
  const clash = ['layers', 'config'].find((member) => member in json);
  if ('manifests' in json && clash !== undefined) {
    throw new ConvertError(
      'MANIFEST_INVALID',
      `reading the manifest: found "manifests" and "${clash}" in one document, wanted an index or a manifest`,
    );
  }
  const own = json['mediaType'];
  if (own !== undefined && own !== told && isDocumentType(told)) {
    throw new ConvertError(
      'MANIFEST_INVALID',
      `reading the manifest: at /mediaType: found ${JSON.stringify(own).slice(0, 120)}, wanted ${told} as its descriptor says`,
    );
  }
}

/** The media type that a document without a usable Content-Type shows itself. */
export function sniffMediaType(bytes: Uint8Array): string | undefined {
  let json: JsonObject;
  try {
    json = decodeJson(bytes, 'the manifest', 'MANIFEST_INVALID');
  } catch {
    return undefined;
  }
  const own = json['mediaType'];
  if (typeof own === 'string' && isDocumentType(own)) {
    return own;
  }
  if (json['schemaVersion'] === 1) {
    return schema1Types[0];
  }
  const types = 'manifests' in json ? indexTypes : 'config' in json ? manifestTypes : [];
  return types[0];
}
