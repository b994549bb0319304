import type { KeptAttributes } from './folder-attributes.ts';
import type { AttributesSet } from './set-attributes.ts';

/** Adds up what a folder of a user cannot keep of an image. */
export interface Losses {
  device(): void;
  attributes(attributes: KeptAttributes): void;
  /** What came of setting `count` attributes. */
  set(outcome: AttributesSet, count: number): void;
  /** A sentence for each kind of loss. */
  sentences(): readonly string[];
}

export function createLosses(): Losses {
  let devices = 0;
  let owners = 0;
  let unset = 0;
  let isToolMissing = false;
  const names = new Map<string, number>();
  const failures = new Map<string, number>();

  return {
    device() {
      devices += 1;
    },

    attributes({ lost, isOwnerKept }) {
      if (!isOwnerKept) owners += 1;
      for (const name of lost) add(names, name);
    },

    set(outcome, count) {
      if (outcome.tool === 'missing') {
        isToolMissing = true;
        unset += count;
        return;
      }
      for (const failure of outcome.failures) add(failures, failure);
    },

    sentences() {
      const all = [
        devices > 0 &&
          `devices and pipes stand as empty files (${devices}): only root may make them`,
        owners > 0 &&
          `owners are not kept of symbolic links and above 32 bits (${owners}): no attribute can have them`,
        names.size > 0 &&
          `extended attributes are not kept that only root may set, or only rootless tools: ${listed(names)}`,
        isToolMissing &&
          `owners and extended attributes are not kept (${unset}): found no setfattr; apt-get install attr`,
        failures.size > 0 &&
          `owners and extended attributes are not all kept: setfattr failed with ${listed(failures)}`,
      ];
      return all.filter((sentence) => sentence !== false);
    },
  };
}

function add(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

/** Names an image can make up are shortened in number and length. */
function listed(counts: ReadonlyMap<string, number>): string {
  const shown = [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, 5);
  const words = shown.map(([name, count]) => `${name.slice(0, 80)} (${count})`);
  return `${words.join(', ')}${counts.size > shown.length ? ' and others' : ''}`;
}
