/** A symbolic link met on the way. */
export interface Link {
  readonly link: string;
}

/** One step of a resolved path: the name it was entered by (`''` for the root) and what is there. */
export interface Step<T> {
  readonly name: string;
  readonly node: T;
}

/** Linux, include/linux/namei.h, MAXSYMLINKS. */
const maxLinks = 40;

/** Linux, include/uapi/linux/limits.h, PATH_MAX less the NUL: no longer link target resolves. */
const maxTargetLength = 4095;

/**
 * Resolves `path` from `root` the way Linux does (path_resolution(7)), inside the root: absolute links
 * start again at the root, `..` is physical and stays at the root there.
 *
 * `enter` answers what `name` is in `folder`: a node to go on from, a link to follow, or undefined,
 * which ends the resolution. `last` tells that nothing of the path is left behind the name.
 *
 * @returns the steps from the root to the end; undefined where `enter` said so and after 40 links.
 */
export function resolvePath<T extends object>(
  root: T,
  path: string,
  enter: (folder: T, name: string, last: boolean) => T | Link | undefined,
): readonly Step<T>[] | undefined {
  const rootStep: Step<T> = { name: '', node: root };
  let steps = [rootStep];
  const pending = path.split('/').reverse();
  let links = 0;
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (name === '' || name === '.') continue;
    if (name === '..') {
      if (steps.length > 1) steps.pop();
      continue;
    }
    const found = enter((steps.at(-1) ?? rootStep).node, name, pending.length === 0);
    if (found === undefined) return undefined;
    if (!('link' in found)) {
      steps.push({ name, node: found });
      continue;
    }
    links += 1;
    const target = found.link;
    if (links > maxLinks || target === '' || target.length > maxTargetLength) return undefined;
    if (target.startsWith('/')) steps = [rootStep];
    pending.push(...target.split('/').reverse());
  }
  return steps;
}

/** The absolute path of what the steps lead to. */
export function pathOf(steps: readonly Step<object>[]): string {
  return `/${steps
    .slice(1)
    .map((step) => step.name)
    .join('/')}`;
}
