/** The processors .NET runs on in OSv, as runtime identifiers spell them: `linux-x64`, `linux-arm64`. */
export type Architecture = 'x64' | 'arm64';

/** How others call them. */
export interface ArchitectureNames {
  /** OCI image-spec: `architecture` of a platform, as Go has it. */
  readonly oci: 'amd64' | 'arm64';
  /** Of the loader of a C library and of Debian's folders. */
  readonly gnu: 'x86_64' | 'aarch64';
  /** `Machine` of PE files (PE format, Machine Types). */
  readonly pe: number;
}

export const architectureNames: Readonly<Record<Architecture, ArchitectureNames>> = {
  x64: { oci: 'amd64', gnu: 'x86_64', pe: 0x8664 },
  arm64: { oci: 'arm64', gnu: 'aarch64', pe: 0xaa64 },
};

/** What programs of an image are for: `linux/arm64/v8` as `arm64`, anything else as `x64`. */
export function architectureOfPlatform(platform: string): Architecture {
  return platform.split('/')[1] === architectureNames.arm64.oci ? 'arm64' : 'x64';
}

/** The variable that leads hosts of one processor to their runtime, before `DOTNET_ROOT`. */
export function rootVariableOf(architecture: Architecture): string {
  return `DOTNET_ROOT_${architecture.toUpperCase()}`;
}

/** Runtime identifiers whose assets an app takes, the nearest first (RID catalog). */
export function ridsOf(architecture: Architecture): readonly string[] {
  return [`linux-${architecture}`, 'linux', `unix-${architecture}`, 'unix'];
}
