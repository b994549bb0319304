import type { FollowedPath, ImageHistory } from '../look/history.ts';
import type { PathEvent } from '../tree/path-history.ts';
import type { Node } from '../tree/tree.ts';
import type { WastedPath } from '../tree/waste.ts';
import { nodeOf } from './diff-json.ts';

/** What `history --json` prints; `schemas/history.schema.json` describes it. */
export function historyJson(
  { reference, digest, platform, layers, totals, paths }: ImageHistory,
  waste: readonly WastedPath[] | undefined,
): object {
  return {
    ...{ reference, digest, platform, layers, totals },
    ...(waste && { waste }),
    ...(paths.length > 0 && { paths: paths.map(pathOf) }),
  };
}

function pathOf({ path, events, seen, wasted }: FollowedPath): object {
  const end = seen && { path: seen.path, node: own(seen.node), ...bytesOf(seen) };
  return { path, events: events.map(eventOf), ...(end && { seen: end }), wasted };
}

function eventOf(told: PathEvent): object {
  const { layer, event, path, from, aspects, before, after, below } = told;
  return {
    ...{ layer, event, path },
    ...(from !== undefined && { from }),
    ...(told.with !== undefined && { with: told.with }),
    ...(aspects.length > 0 && { aspects }),
    ...(before && { before: own(before) }),
    ...(after && { after: own(after) }),
    ...bytesOf(told),
    ...(below && { below }),
  };
}

function bytesOf({ bytesOf }: { readonly bytesOf?: number }): object {
  return bytesOf === undefined ? {} : { bytesOf };
}

function own(node: Node): object {
  return nodeOf({ hasAttributes: true }, node);
}
