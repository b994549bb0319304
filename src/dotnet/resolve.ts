import { ConvertError } from '../error.ts';
import type { FrameworkReference, RollForward } from './app.ts';
import type { DotnetFolder, InstalledFramework } from './installed.ts';
import { bestVersion, compatible, type EffectiveReference } from './roll-forward.ts';
import { type RollForwardSettings, referencesOf } from './settings.ts';
import { compareVersions, requestedVersion } from './version.ts';

/** How the .NET host's search ends. `chosen` is in the host's order: the base framework last. */
export type Resolution =
  | { readonly kind: 'resolved'; readonly chosen: readonly InstalledFramework[] }
  | { readonly kind: 'missing'; readonly name: string; readonly version: string }
  | {
      readonly kind: 'conflict';
      readonly name: string;
      readonly lower: FrameworkReference;
      readonly higher: string;
    }
  /** A chosen framework has a config that the host refuses. */
  | { readonly kind: 'invalid'; readonly error: ConvertError };

type Failure = Exclude<Resolution, { kind: 'resolved' }>;
type Step = Failure | 'done' | 'restart';

// fx_resolver.cpp, Max_Framework_Resolve_Retries
const restarts = 100;

/**
 * Chooses frameworks exactly as `hostfxr` does (dotnet/runtime, fx_resolver.cpp): every reference is
 * reconciled with what was asked of the same framework before, and when a framework that is already
 * chosen must be chosen anew, all starts again with what was learnt.
 * @param available what one .NET folder holds, and what lies there and cannot be used.
 * @throws ConvertError `FRAMEWORK_CONFLICT` for frameworks that raise each other's version without end.
 */
export function resolveFrameworks(
  references: readonly FrameworkReference[],
  settings: RollForwardSettings,
  available: Pick<DotnetFolder, 'frameworks' | 'unusable'>,
): Resolution {
  const effective = new Map<string, EffectiveReference>();
  for (let attempt = 0; attempt <= restarts; attempt++) {
    const chosen: InstalledFramework[] = [];
    const step = openResolver({ settings, available, effective, chosen })(references, false);
    if (step === 'done') {
      return { kind: 'resolved', chosen };
    }
    if (step !== 'restart') {
      return step;
    }
  }
  // Every attempt raises some version, and an image may hold any number of them.
  throw new ConvertError(
    'FRAMEWORK_CONFLICT',
    `choosing frameworks: found no end after ${restarts} attempts, wanted frameworks that agree`,
    { hint: 'give another runtime with --runtime PATH or --runtime REF' },
  );
}

interface Attempt {
  readonly settings: RollForwardSettings;
  readonly available: Pick<DotnetFolder, 'frameworks' | 'unusable'>;
  /** What is asked of each framework by all that is known; outlives a restart. */
  readonly effective: Map<string, EffectiveReference>;
  readonly chosen: InstalledFramework[];
}

function openResolver({ settings, available, effective, chosen }: Attempt) {
  function readAll(references: readonly FrameworkReference[], parentToHighest: boolean): Step {
    const all = references.map(effectiveOf);
    for (const reference of all) {
      if (!effective.has(reference.name)) {
        effective.set(reference.name, reference);
      }
    }
    for (const own of all) {
      const step = read(parentToHighest ? { ...own, toHighest: true } : own);
      if (step !== 'done') {
        return step;
      }
    }
    return 'done';
  }

  function read(reference: EffectiveReference): Step {
    const { name } = reference;
    const before = effective.get(name) ?? reference;
    const reconciled = reconcile(reference, before);
    if ('kind' in reconciled) {
      return reconciled;
    }
    effective.set(name, reconciled);
    const at = chosen.findIndex((framework) => framework.name === name);
    if (at !== -1) {
      // A framework that others need comes after them.
      chosen.push(...chosen.splice(at, 1));
      return same(reconciled, before) ? 'done' : 'restart';
    }
    const found = findBest(reconciled, available);
    if (found === undefined) {
      return { kind: 'missing', name, version: reconciled.version.text };
    }
    chosen.push(found);
    if (found.config instanceof ConvertError) {
      return { kind: 'invalid', error: found.config };
    }
    return readAll(found.config ? referencesOf(found.config, settings) : [], reconciled.toHighest);
  }

  return readAll;
}

const ranges: Readonly<Record<RollForward, Pick<EffectiveReference, 'range' | 'toHighest'>>> = {
  Disable: { range: 0, toHighest: false },
  LatestPatch: { range: 1, toHighest: false },
  Minor: { range: 2, toHighest: false },
  LatestMinor: { range: 2, toHighest: true },
  Major: { range: 3, toHighest: false },
  LatestMajor: { range: 3, toHighest: true },
};

function effectiveOf(reference: FrameworkReference): EffectiveReference {
  return {
    name: reference.name,
    version: requestedVersion(reference.version),
    ...ranges[reference.rollForward],
    applyPatches: reference.applyPatches,
    preferRelease: reference.preferRelease,
    reference,
  };
}

/** As the host, which finds out that the best match cannot be used, and searches again without it. */
function findBest(
  reference: EffectiveReference,
  { frameworks, unusable }: Attempt['available'],
): InstalledFramework | undefined {
  let candidates = [...frameworks, ...unusable].filter(({ name }) => name === reference.name);
  for (;;) {
    const versions = candidates.map(({ version }) => version);
    const best = bestVersion(reference, versions);
    const found = candidates.find(({ version }) => version === best);
    if (found === undefined || !unusable.includes(found)) {
      return found;
    }
    candidates = candidates.filter((candidate) => candidate !== found);
  }
}

function reconcile(a: EffectiveReference, b: EffectiveReference): EffectiveReference | Failure {
  const [higher, lower] = compareVersions(a.version, b.version) >= 0 ? [a, b] : [b, a];
  if (!compatible(lower, higher.version)) {
    return {
      kind: 'conflict',
      name: lower.name,
      lower: lower.reference,
      higher: higher.version.text,
    };
  }
  return {
    ...higher,
    range: Math.min(lower.range, higher.range),
    toHighest: higher.toHighest || lower.toHighest,
    applyPatches: higher.applyPatches && lower.applyPatches,
    preferRelease: higher.preferRelease || lower.preferRelease,
  };
}

function same(a: EffectiveReference, b: EffectiveReference): boolean {
  return (
    a.version.text === b.version.text &&
    a.range === b.range &&
    a.toHighest === b.toHighest &&
    a.applyPatches === b.applyPatches &&
    a.preferRelease === b.preferRelease
  );
}
