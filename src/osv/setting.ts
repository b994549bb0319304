import type { DotnetApp } from '../dotnet/app.ts';
import { majorOf } from '../dotnet/major.ts';

/** A variable that the converter sets. */
export interface Setting {
  /** Every name it may be given by. */
  readonly names: readonly string[];
  /** Those of the names that are set; without it all. */
  readonly written?: readonly string[];
  readonly value: string;
  /** Why, for people. */
  readonly reason: string;
  /** The virtual machine dies without it, so the image's own value does not count. */
  readonly vital?: true;
}

type Knob = Required<Pick<Setting, 'names' | 'written'>>;

/**
 * A setting of the runtime by the names its version reads (clrconfignames.h): `COMPlus_` until .NET 5,
 * `DOTNET_` since then, and alone in Native AOT. Where the version is not known both are set.
 */
export function knobOf(app: Pick<DotnetApp, 'kind' | 'version'>, name: string): Knob {
  const [modern, old] = [`DOTNET_${name}`, `COMPlus_${name}`] as const;
  const major = majorOf(app);
  if (app.kind === 'native-aot') return { names: [modern], written: [modern] };
  const written = major === undefined || major === 5 ? [modern, old] : [major > 5 ? modern : old];
  return { names: [modern, old], written };
}
