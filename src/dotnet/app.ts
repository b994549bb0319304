import type { Architecture } from './architecture.ts';
import type { BundledFile } from './bundle.ts';

/** How a published .NET app is packaged (`dotnet publish`). */
export type DotnetAppKind = 'framework-dependent' | 'self-contained' | 'single-file' | 'native-aot';

/** A shared framework an app asks for (runtimeconfig.json, `framework` and `frameworks`). */
export interface FrameworkReference {
  readonly name: string;
  readonly version: string;
  readonly rollForward: RollForward;
  readonly applyPatches: boolean;
  /** Take a prerelease only where no release fits. */
  readonly preferRelease: boolean;
}

export type RollForward =
  | 'Disable'
  | 'LatestPatch'
  | 'Minor'
  | 'LatestMinor'
  | 'Major'
  | 'LatestMajor';

/** What is told of an app for people; how it is started does not depend on it. */
export interface AppTraits {
  /** A server of ASP.NET Core; a worker: a generic host without it; else a console app. */
  readonly model: 'console' | 'worker' | 'aspnet';
  /** Of the entry assembly; absent where there is none, or none that can be read. */
  readonly language?: 'C#' | 'F#' | 'Visual Basic';
  /** Whether the entry assembly holds code that can be used as it is, or a composite image beside it does. */
  readonly readyToRun: 'no' | 'yes' | 'composite';
  /** True when what the app does not reach was left out of its runtime; true for all of Native AOT. */
  readonly trimmed: boolean;
  /** As in a project: `net10.0`, `netcoreapp3.1`. */
  readonly targetFramework?: string;
}

/** What runs when the image runs, found without running anything. All paths are absolute in the image. */
export interface DotnetApp extends AppTraits {
  readonly kind: DotnetAppKind;
  /** Of its image: what the runtime and all native libraries must be for. */
  readonly architecture: Architecture;
  /** True for single-file apps that still need a shared framework, and for all framework-dependent ones. */
  readonly needsRuntime: boolean;
  /**
   * The program the image starts, symlinks resolved: muxer, apphost, bundle or native executable. Where
   * the image starts `dotnet` and has none, the place where its runtime will be put.
   */
  readonly executable: string;
  readonly launcher: 'muxer' | 'apphost' | 'native';
  /** The app's managed entry assembly, where it is a file of its own. */
  readonly assembly?: string;
  /** The .NET folder that its project made the apphost look in, when the image has it. */
  readonly dotnetFolder?: string;
  /** Options the host takes for itself, each followed by its value, e.g. `--roll-forward Major`. */
  readonly hostOptions: readonly string[];
  /** Arguments for the app itself. */
  readonly args: readonly string[];
  /** WorkingDir of the image, or `/`. */
  readonly workingDirectory: string;
  /** Env of the image, as given, the last of a repeated name winning. */
  readonly env: ReadonlyMap<string, string>;
  /** Frameworks asked for, roll-forward settings applied; empty unless `needsRuntime`. */
  readonly frameworks: readonly FrameworkReference[];
  /** Version of the app's .NET where the files tell it: `10.0`, `8.0.30`. */
  readonly version?: string;
  readonly aspnet: boolean;
  /** True when runtimeconfig sets `System.Globalization.Invariant`, or Native AOT left cultures out. */
  readonly invariantGlobalization: boolean;
  /** For single-file apps: what the host looks for when it extracts. */
  readonly bundle?: {
    readonly id: string;
    readonly majorVersion: number;
    readonly extracted: readonly BundledFile[];
  };
  /**
   * A single-file app whose own host cannot run: its files are to be laid in `folder`, and `dotnet` starts
   * `assembly` there.
   */
  readonly unbundle?: { readonly folder: string; readonly files: readonly BundledFile[] };
  /** By what the app or its image is known to be for musl, the strongest first; absent for others. */
  readonly musl?: readonly string[];
  /** `configProperties` of its runtimeconfig.json, where there is one; values that are not strings as their JSON. */
  readonly properties?: ReadonlyMap<string, string>;
  /** One sentence a fact, for people: what was found where. */
  readonly evidence: readonly string[];
}
