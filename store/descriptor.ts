import type { Digest } from './digest.ts';

/** OCI image-spec, descriptor.md. The wire's spelling; `size` is in bytes. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  /** Where the bytes may lie besides; anyone may have written that. */
  readonly urls?: readonly string[];
  readonly artifactType?: string;
  readonly platform?: DescriptorPlatform;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** OCI image-spec, image-index.md, `platform`. */
export interface DescriptorPlatform {
  readonly architecture: string;
  readonly os: string;
  readonly 'os.version'?: string;
  readonly variant?: string;
}
