import { layerFixtures } from '../layer-fixtures.ts';
import { mutateTar } from '../mutate-tar.ts';
import { readHostileTar } from '../tar-invariant.ts';
import { tarSeeds } from '../tar-seeds.ts';
import type { Target } from '../target.ts';

/** The tar reader, on sound tars and on those of the fixtures, mutated. */
export function tarTarget(): Target {
  const seeds = [...tarSeeds(), ...layerFixtures('.tar')];
  return {
    name: 'tar',
    input: (random) => mutateTar(random.pick(seeds), random),
    run: readHostileTar,
  };
}
