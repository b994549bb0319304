import type { Store } from '../../store/index.ts';
import type { PullOptions } from '../pull/pull.ts';
import type { Contents } from '../tree/contents.ts';
import type { Tree } from '../tree/tree.ts';

/** A file system that can be looked into, wherever it lies. */
export interface View {
  /** What it is of, in full: an image by its name, a layer by its diffID, a disk by its path. */
  readonly name: string;
  readonly kind: 'image' | 'layer' | 'disk';
  readonly tree: Tree;
  readonly contents: Contents;
  /** False where modes, owners, times and extended attributes are not kept, as in ROFS. */
  readonly hasAttributes: boolean;
}

/**
 * Opens what `subject` names for `use`: a file on this machine is a disk (or a ROFS alone);
 * `layer:DIGEST`, of which the beginning is enough, is a layer of the store; all else is an image, which
 * is pulled when the store has it not.
 * @throws ConvertError `USAGE`, `ROFS_INVALID`, and what `obtain` throws; StoreError; what `use` throws.
 */
export async function withView<T>(
  _store: Store,
  _subject: string,
  _options: PullOptions,
  _use: (view: View) => Promise<T>,
): Promise<T> {
  throw new Error('being written');
}
