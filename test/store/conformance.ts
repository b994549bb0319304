import { arrivalBehaviours } from './conformance/arrivals.ts';
import { blobBehaviours } from './conformance/blobs.ts';
import { fetchBehaviours } from './conformance/fetch.ts';
import type { Behaviour } from './conformance/ground.ts';
import { layerBehaviours } from './conformance/layers.ts';
import { leaseBehaviours } from './conformance/leases.ts';
import { refBehaviours } from './conformance/refs.ts';
import { upkeepBehaviours } from './conformance/upkeep.ts';

/** All that a store does wherever its files lie. */
export const conformance: readonly Behaviour[] = [
  ...blobBehaviours,
  ...fetchBehaviours,
  ...layerBehaviours,
  ...arrivalBehaviours,
  ...refBehaviours,
  ...leaseBehaviours,
  ...upkeepBehaviours,
];
