import { resolve } from 'node:path';
import { type FileIdentity, type FileStamp, settledStamp, stampAt } from './disk/file-stamp.ts';
import { type OutputFile, openOutputFile } from './disk/output-file.ts';

/** A disk in files that were alike when it was recorded; as long as their stamps hold, they are. */
export interface RecordedOutput {
  /** Absolute. */
  readonly path: string;
  /** By what stands behind the path: '' for the disk, `.json`, `.kernel`. */
  readonly stamps: Readonly<Record<string, FileStamp>>;
}

/** Undefined where a later change of a file could not be told from what was written, or one was made already. */
export async function recordOutput(
  path: string,
  files: ReadonlyMap<string, FileIdentity>,
): Promise<RecordedOutput | undefined> {
  const stamps: Record<string, FileStamp> = {};
  for (const [behind, identity] of files) {
    const stamp = await settledStamp(path + behind, identity);
    if (stamp === undefined) return undefined;
    stamps[behind] = stamp;
  }
  return { path: resolve(path), stamps };
}

/** Whether the very files of `output` lie at `path`, by whatever names of folders, and untouched. */
export function liesAt(path: string, { stamps }: RecordedOutput): boolean {
  return Object.entries(stamps).every(([behind, stamp]) => stampAt(path + behind) === stamp);
}

/** A copy that was made; `recorded` as `recordOutput` gives it. */
export interface CopiedOutput {
  readonly recorded: RecordedOutput | undefined;
}

/**
 * Copies the files of `output` to `path`, the report last. Undefined, and nothing is left, where they are not what
 * was recorded, before or after.
 * @throws ConvertError `OUTPUT_UNUSABLE`, `OUTPUT_FULL`.
 */
export async function copyOutput(
  output: RecordedOutput,
  path: string,
): Promise<CopiedOutput | undefined> {
  if (!liesAt(output.path, output)) return undefined;
  const files: { readonly behind: string; readonly file: OutputFile }[] = [];
  try {
    for (const behind of Object.keys(output.stamps)) {
      const file = openOutputFile(path + behind);
      files.push({ behind, file });
      file.copy(output.path + behind);
    }
    if (!liesAt(output.path, output)) return undefined;
    const written = new Map<string, FileIdentity>();
    for (const { behind, file } of files) written.set(behind, (await file.commit()).identity);
    return { recorded: await recordOutput(path, written) };
  } catch (error) {
    if (!liesAt(output.path, output)) return undefined;
    throw error;
  } finally {
    for (const { file } of files) file.discard();
  }
}
