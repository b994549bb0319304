import { jsonBytes, mediaTypes } from '../descriptor.ts';
import { type Answer, errorAnswer } from './answer.ts';
import type { Contents } from './contents.ts';

/** The tags list of the distribution-spec, `pageSize` to a page at most. */
export function tagsAnswer(contents: Contents, url: URL, name: string, pageSize: number): Answer {
  const all = contents.tags(name);
  if (all === undefined) {
    return errorAnswer(404, 'NAME_UNKNOWN', 'repository name not known to registry');
  }
  const last = url.searchParams.get('last') ?? '';
  const size = Math.min(pageSize, Number(url.searchParams.get('n') ?? pageSize));
  const rest = all.filter((tag) => tag > last);
  const tags = rest.slice(0, size);
  const next = `/v2/${name}/tags/list?n=${size}&last=${tags.at(-1)}`;
  return {
    status: 200,
    headers: {
      'content-type': 'application/json',
      ...(rest.length > size && { link: `<${next}>; rel="next"` }),
    },
    body: jsonBytes({ name, tags }),
  };
}

/** The referrers list of the distribution-spec, filtered where it is asked for. */
export function referrersAnswer(
  contents: Contents,
  url: URL,
  name: string,
  digest: string,
  pageSize: number,
): Answer {
  const type = url.searchParams.get('artifactType');
  const skip = Number(url.searchParams.get('page') ?? 0) * pageSize;
  const all = contents
    .referrers(name, digest)
    .filter(({ artifactType }) => type === null || artifactType === type);
  const next = new URL(url);
  next.searchParams.set('page', String(skip / pageSize + 1));
  return {
    status: 200,
    headers: {
      'content-type': mediaTypes.oci.index,
      ...(type !== null && { 'oci-filters-applied': 'artifactType' }),
      ...(all.length > skip + pageSize && {
        link: `<${next.pathname}${next.search}>; rel="next"`,
      }),
    },
    body: jsonBytes({
      schemaVersion: 2,
      mediaType: mediaTypes.oci.index,
      manifests: all.slice(skip, skip + pageSize),
    }),
  };
}
