import type { RelocatedRoot } from '../osv/relocate-root.ts';
import type { Finding } from './finding.ts';

/** What was done with libraries for arm64 so that OSv can load them, and which it cannot load even so. */
export function checkRelocations({
  moved,
  unknown,
}: Pick<RelocatedRoot, 'moved' | 'unknown'>): readonly Finding[] {
  return [
    ...unknown.map(({ path, types }): Finding => {
      const told = types.slice(0, toldCap).join(', ');
      return {
        rule: 'unknown-relocation',
        severity: 'warning',
        evidence: { file: path, found: `relocations of the type ${told}` },
        consequence:
          'OSv on aarch64 does not know them there: the machine ends ("unknown relocation type") when the file is loaded',
        fix: 'link the library with GNU ld, or do without it',
      };
    }),
    ...noteOf(moved),
  ];
}

const toldCap = 5;

function noteOf(moved: RelocatedRoot['moved']): readonly Finding[] {
  const [first, ...others] = moved;
  if (first === undefined) return [];
  return [
    {
      rule: 'relocations-moved',
      severity: 'note',
      evidence: {
        file: first.path,
        found: `${first.count} TLS descriptors`,
        alsoIn: others.map(({ path }) => path),
      },
      consequence:
        'OSv on aarch64 knows them among the relocations of functions only, and on the disk they stand there; nothing else of the files is changed',
      fix: 'nothing need be done',
    },
  ];
}
