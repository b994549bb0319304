import { Damaged } from '../damaged.ts';
import { linesOf } from '../stanzas.ts';
import type { RpmHeader } from './header.ts';

const packageCap = 20_000;

/**
 * The list that Azure Linux leaves in images without rpm, a line a package, columns by tabs: name,
 * version-release, times of installation and build, vendor, epoch, size, architecture, epoch as a number,
 * source package (azurelinux, toolkit/docs/how_it_works/5_misc.md).
 * @throws Damaged.
 */
export function* readRpmManifest(text: string): Generator<RpmHeader, void> {
  let count = 0;
  for (const line of linesOf(text)) {
    if (line === '') continue;
    if (++count > packageCap) throw new Damaged(`more than ${packageCap} packages`);
    const [name, version, , , supplier, epoch, , architecture, , source] = line.split('\t', 10);
    if (!name || !version || architecture === undefined) {
      throw new Damaged('a line without name, version and architecture');
    }
    yield {
      name,
      version,
      epoch: told(epoch),
      architecture: told(architecture),
      license: undefined,
      supplier: told(supplier),
      source: told(source),
    };
  }
}

/** rpm writes `(none)` for what a package does not say. */
function told(value: string | undefined): string | undefined {
  return value === '(none)' ? undefined : value;
}
