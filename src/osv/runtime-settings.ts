import type { DotnetApp } from '../dotnet/app.ts';
import { majorOf } from '../dotnet/major.ts';
import { knobOf, type Setting } from './setting.ts';

/** What a kernel has that settings depend on. */
export interface KernelTraits {
  /** As `git describe` has it. */
  readonly version?: string;
  /** Undefined where the functions it has are not known. */
  readonly hasMemfd?: boolean;
}

type App = Pick<DotnetApp, 'kind' | 'version'>;

/** Settings of the runtime itself, without which it would do what OSv cannot (DOTNET.md 4.4, OSV.md 8 and 9). */
export function* runtimeSettings(app: App, kernel: KernelTraits = {}): Generator<Setting> {
  if (app.kind === 'native-aot') {
    yield* nativeSettings(app);
    return;
  }
  const major = majorOf(app);
  const osv = kernel.version === undefined ? 'OSv' : `OSv ${kernel.version}`;
  const off = (name: string) => ({ ...knobOf(app, name), value: '0' });
  // Older runtimes map code once.
  if ((major ?? 6) >= 6) {
    yield {
      ...off('EnableWriteXorExecute'),
      ...(kernel.hasMemfd === true
        ? { reason: 'mapping code twice takes memory, and guards against nobody here' }
        : { reason: `${osv} has no memfd_create, which mapping code twice needs`, vital: true }),
    };
  }
  yield {
    ...off('EnableDiagnostics'),
    reason: `${osv} has no named pipes, which debuggers are waited for at, and no process that could attach`,
    // .NET 10 goes on without them; 3.1 does not start, and those between were not tried.
    ...((major ?? 0) < 10 && { vital: true }),
  };
  yield {
    ...off('INTERNAL_ThreadSuspendInjection'),
    reason: `${osv} refuses pthread_kill to another thread, and the runtime aborts on that`,
    vital: true,
  };
  yield {
    ...off('LTTng'),
    reason: 'loading the trace provider without lttng-ust is fatal on OSv',
  };
}

/** Native AOT waits for diagnostics since .NET 8, by a socket; it has none of the other settings. */
function* nativeSettings(app: App): Generator<Setting> {
  if ((majorOf(app) ?? 8) < 8) return;
  yield {
    ...knobOf(app, 'EnableDiagnostics'),
    value: '0',
    reason: 'no process could attach to it: OSv has only one',
  };
}
