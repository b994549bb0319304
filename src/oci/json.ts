import { ConvertError } from '../error.ts';

/** Bytes above which no manifest, index or config is read (distribution-spec, "Pushing Manifests"). */
export const documentCap = 4 * 1024 * 1024;

export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * Decodes one JSON object of an image.
 * @throws ConvertError `code` when it is above `documentCap`, not UTF-8, not JSON or not an object.
 */
export function decodeJson(
  bytes: Uint8Array,
  what: string,
  code: 'MANIFEST_INVALID' | 'CONFIG_INVALID',
): JsonObject {
  if (bytes.byteLength > documentCap) {
    throw new ConvertError(
      code,
      `reading ${what}: found ${bytes.byteLength} bytes, wanted at most ${documentCap}`,
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (cause) {
    const start = JSON.stringify(Buffer.from(bytes.subarray(0, 60)).toString('latin1'));
    throw new ConvertError(code, `reading ${what}: found ${start}, wanted JSON`, { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const found = Array.isArray(value) ? 'an array' : JSON.stringify(value).slice(0, 60);
    throw new ConvertError(code, `reading ${what}: found ${found}, wanted a JSON object`);
  }
  return value as JsonObject;
}
