import { createValidator } from '../../../schemas/index.ts';
import { ConvertError } from '../../error.ts';
import type { RegistryApi } from './api.ts';
import { readPages } from './pages.ts';

/** Tags asked for in one page; registries give as many or fewer. */
const pageSize = 1000;

export interface ListTagsOptions {
  /** As many at most; all unless given. */
  readonly limit?: number;
  /** Only those that the registry lists after this one. */
  readonly last?: string;
  readonly signal?: AbortSignal;
}

/**
 * The tags of a repository in the registry's order (distribution-spec, "Listing Tags").
 * @throws ConvertError `REGISTRY_PROTOCOL` for what is no list of tags; any code of the table's
 * "Sources".
 */
export async function listTags(
  api: RegistryApi,
  { limit = Number.POSITIVE_INFINITY, last, signal }: ListTagsOptions = {},
): Promise<readonly string[]> {
  const action = `listing the tags of ${api.name}`;
  const after = last === undefined ? '' : `&last=${encodeURIComponent(last)}`;
  const path = `tags/list?n=${Math.min(limit, pageSize)}${after}`;
  const tags = new Set<string>();
  for await (const { bytes } of readPages(api, { action, path, signal })) {
    for (const tag of await parseTags(bytes, action)) {
      tags.add(tag);
      // docker's registry knows neither `n` nor `last` before version 3: it lists all.
      if (tag === last) tags.clear();
    }
    if (tags.size >= limit) break;
  }
  return [...tags].slice(0, limit);
}

async function parseTags(bytes: Uint8Array, action: string): Promise<readonly string[]> {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (cause) {
    throw new ConvertError('REGISTRY_PROTOCOL', `${action}: found no JSON, wanted a list of tags`, {
      cause,
    });
  }
  const validate = await createValidator('tag-list');
  const problem = validate(value);
  if (problem !== undefined) throw new ConvertError('REGISTRY_PROTOCOL', `${action}: ${problem}`);
  // Registries written in Go say null where there are none.
  return (value as { readonly tags: readonly string[] | null }).tags ?? [];
}
