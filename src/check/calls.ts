import { callRules, type GuestFacts } from './call-rules.ts';
import type { Evidence, Finding } from './finding.ts';
import type { Used } from './scan.ts';

/**
 * What assemblies call that OSv does not carry (DOTNET.md, section 7). Whether it is ever called cannot be
 * seen: a library that the app did not write itself has many paths that are never taken. What is found in
 * libraries only is a note, one for all of them.
 */
export function checkCalls(used: readonly Used[], guest: GuestFacts): readonly Finding[] {
  return callRules.flatMap((rule): readonly Finding[] => {
    const { find: _, when, ofAppOnly, ...told } = rule;
    if (when?.(guest) === false) return [];
    const uses = used.filter((one) => one.rule === rule);
    const own = uses.filter(({ isLibrary }) => !isLibrary);
    if (own.length > 0) return [{ ...told, evidence: evidenceOf(own) }];
    if (uses.length === 0 || ofAppOnly) return [];
    return [
      {
        rule: told.rule,
        severity: 'note',
        evidence: evidenceOf(uses),
        consequence: `should a library come to that: ${told.consequence}`,
        fix: 'nothing, if the app does not need that part of it; try that part on OSv to know',
      },
    ];
  });
}

/** The first, and the other files. */
export function evidenceOf(
  found: readonly { readonly file: string; readonly found: string }[],
): Evidence {
  const [first, ...others] = found;
  const alsoIn = [...new Set(others.map(({ file }) => file))].filter((one) => one !== first?.file);
  return {
    ...(first && { file: first.file }),
    found: first?.found ?? '',
    ...(alsoIn.length > 0 && { alsoIn }),
  };
}
