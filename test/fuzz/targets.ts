import type { Target } from './target.ts';
import { brokenTargets } from './targets/broken.ts';
import { gzipTarget, zstdTarget } from './targets/compressed.ts';
import { diskTarget } from './targets/disk.ts';
import { configTarget, indexTarget, manifestTarget } from './targets/documents.ts';
import { assemblyTarget, bundleTarget, hostJsonTarget, shellTarget } from './targets/dotnet.ts';
import { rofsTarget } from './targets/rofs.ts';
import { layerIndexTarget, namesTarget } from './targets/store-files.ts';
import { tarTarget } from './targets/tar.ts';
import { textTarget } from './targets/texts.ts';

const makers: Readonly<Record<string, () => Target | Promise<Target>>> = {
  tar: tarTarget,
  gzip: gzipTarget,
  zstd: zstdTarget,
  config: configTarget,
  manifest: manifestTarget,
  index: indexTarget,
  'layer-index': layerIndexTarget,
  names: namesTarget,
  reference: textTarget,
  rofs: rofsTarget,
  disk: diskTarget,
  assembly: assemblyTarget,
  'host-json': hostJsonTarget,
  shell: shellTarget,
  bundle: bundleTarget,
};

export const targetNames: readonly string[] = Object.keys(makers);

/** @throws Error for a name that none has. */
export async function targetOf(name: string): Promise<Target> {
  const made =
    (await makers[name]?.()) ?? brokenTargets.map((make) => make()).find((t) => t.name === name);
  if (made === undefined) {
    throw new Error(`fuzz: found no target ${name}, wanted one of ${targetNames.join(', ')}`);
  }
  return made;
}
