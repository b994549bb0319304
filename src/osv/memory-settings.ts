import type { DotnetApp } from '../dotnet/app.ts';
import { majorOf } from '../dotnet/major.ts';
import { baseMemory, codeMemory } from './base-memory.ts';
import { knobOf, type Setting } from './setting.ts';

/** A machine as far as it is known beforehand. */
export interface MachineTraits {
  /** In MiB. */
  readonly memory?: number;
  readonly cpus?: number;
  /** Bytes of the app's code, which OSv keeps in memory once it was read. */
  readonly codeSize: number;
}

type App = Pick<DotnetApp, 'kind' | 'aspnet' | 'version' | 'properties'>;

/** .NET's own share of what a container may have (clrgc, `heap_hard_limit`). */
const heapShare = 0.75;

/** In MiB. What comes on top of the smallest machine once an app works: a web app that answered took 87. */
const atWork = 24;

/** In MiB. No runtime starts with less, so that a limit below it would be no help. */
const leastHeap = 16;

/** In MiB. Below it a heap for each processor, or code that is compiled a third time, is too much. */
const roomy = 1024;
const tiny = 256;

/**
 * Settings of the garbage collector for a machine. OSv without memory hangs, or ends the machine; with a
 * limit the app gets an OutOfMemoryException before that. Measured with OSv v0.57.0-398 and .NET 10.0.12
 * in machines of 128 to 1024 MiB: it came in each, and a web app answered again after it.
 */
export function* memorySettings(
  app: App,
  machine: MachineTraits = { codeSize: 0 },
): Generator<Setting> {
  const { memory, cpus } = machine;
  if (memory !== undefined) yield* heapLimit(app, memory, machine.codeSize);
  const isSmall = memory !== undefined && memory < roomy;
  if (mayBeServer(app) && (isSmall || cpus === 1)) {
    yield {
      ...knobOf(app, 'gcServer'),
      value: '0',
      reason: isSmall
        ? `a heap for each processor is too much for ${memory} MiB; from ${roomy} MiB on the app has its way`
        : 'a heap for each processor is of no use where there is one',
    };
  }
  if (
    memory !== undefined &&
    memory <= tiny &&
    (majorOf(app) ?? 0) >= 8 &&
    app.kind !== 'native-aot'
  ) {
    yield {
      ...knobOf(app, 'TieredPGO'),
      value: '0',
      reason: `code that counts its own calls takes memory, and ${memory} MiB are few`,
    };
  }
}

function* heapLimit(app: App, memory: number, codeSize: number): Generator<Setting> {
  // What the app was published with is meant for it.
  const own = ['HeapHardLimit', 'HeapHardLimitPercent'].map((name) => `System.GC.${name}`);
  if (own.some((name) => app.properties?.has(name))) return;
  const base = baseMemory(app) + atWork;
  const code = Math.ceil(codeMemory(codeSize));
  const limit = Math.floor((memory - base - code) * heapShare);
  if (limit < leastHeap) return;
  const { names, written } = knobOf(app, 'GCHeapHardLimit');
  const { names: percent } = knobOf(app, 'GCHeapHardLimitPercent');
  yield {
    names: [...names, ...percent],
    written,
    // The runtime reads numbers as hexadecimal ones.
    value: (limit * (1 << 20)).toString(16),
    reason:
      `${limit} MiB: of ${memory} MiB, ${base} MiB are for OSv and the runtime and ${code} MiB for the app's code, ` +
      'and a quarter of the rest for all but the heap; beyond it the app gets an OutOfMemoryException, where OSv would hang',
  };
}

/** Whether the app asks for a heap for each processor; a native one may, and does not show it. */
function mayBeServer({ kind, properties }: App): boolean {
  const asked = properties?.get('System.GC.Server');
  return asked === undefined ? kind === 'native-aot' : asked.toLowerCase() === 'true';
}
