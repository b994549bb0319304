import type { DiffID } from '../../store/index.ts';

/** OCI image-spec, config.md. The wire's spelling; only what the converter reads. */
export interface ImageConfig {
  readonly architecture: string;
  readonly os: string;
  readonly variant?: string;
  readonly 'os.version'?: string;
  readonly created?: string;
  readonly config: ExecutionConfig;
  readonly rootfs: { readonly type: 'layers'; readonly diff_ids: readonly DiffID[] };
}

/** OCI image-spec, config.md, `config`. Absent members and nulls of the wire are empty here. */
export interface ExecutionConfig {
  readonly User: string;
  readonly Env: readonly string[];
  readonly Entrypoint: readonly string[];
  readonly Cmd: readonly string[];
  readonly WorkingDir: string;
  readonly ExposedPorts: readonly string[];
  readonly Volumes: readonly string[];
  readonly Labels: Readonly<Record<string, string>>;
  readonly StopSignal: string;
}
