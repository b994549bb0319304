import { encodeName } from '../../store/index.ts';
import { ConvertError } from '../error.ts';
import type { Node, Tree } from '../tree/tree.ts';

/** A node on its way to the root, so that its path is made only where it is told. */
export interface Place {
  readonly name: string;
  readonly node: Node;
  readonly parent?: Place;
}

/** Linux, include/uapi/linux/limits.h, PATH_MAX less the NUL. */
const maxTargetLength = 4095;

/**
 * Looks at every name before any is written. A tree that layers were merged into has only good ones: this
 * is the last check before names of an image become names of the host.
 * @throws ConvertError `LAYER_CORRUPT` for a name that is empty, `.`, `..` or has a slash or NUL, and for a
 * link target that no link can have.
 */
export function checkNames({ root }: Tree): void {
  const pending: Place[] = [{ name: '', node: root }];
  for (let place = pending.pop(); place; place = pending.pop()) {
    if (place.node.kind === 'symlink') checkTarget(place, place.node.target);
    if (place.node.kind !== 'directory') continue;
    for (const [name, node] of place.node.entries) {
      const below = { name, node, parent: place };
      checkName(below);
      pending.push(below);
    }
  }
}

/** Absolute, in the image. */
export function pathOfPlace(place: Place): string {
  const names: string[] = [];
  for (let at = place; at.parent; at = at.parent) names.unshift(at.name);
  return `/${names.join('/')}`;
}

function checkName(place: Place): void {
  const { name } = place;
  if (name !== '' && name !== '.' && name !== '..' && !/[\0/]/.test(name)) return;
  throw refused(place, `the name ${JSON.stringify(name)}`, 'one that stays in its folder');
}

function checkTarget(place: Place, target: string): void {
  const { length } = encodeName(target);
  if (length > 0 && length <= maxTargetLength && !target.includes('\0')) return;
  const found = target.includes('\0')
    ? 'a NUL in a link target'
    : `a link target of ${length} bytes`;
  throw refused(place, found, `1 to ${maxTargetLength}, none of them NUL`);
}

function refused(place: Place, found: string, wanted: string): ConvertError {
  const path = JSON.stringify(pathOfPlace(place).slice(-200));
  return new ConvertError(
    'LAYER_CORRUPT',
    `writing a folder: at ${path} of the image found ${found}, wanted ${wanted}`,
  );
}
