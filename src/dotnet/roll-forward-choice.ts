import type { RollForward } from './app.ts';
import { type Invalid, shown, stringMember } from './config-members.ts';
import type { JsonObject } from './json.ts';
import { parseRollForward, rollForwardOfNumber, rollForwards } from './roll-forward-names.ts';

/** What a config, or one framework in it, says of rolling forward. */
export interface RollForwardChoice {
  readonly rollForward?: RollForward;
  readonly applyPatches?: boolean;
}

/**
 * Reads such settings of one config, member by member: the host keeps what it read before it fails. Of the
 * two generations there are a config may use one (dotnet/runtime, runtime_config.cpp).
 */
export function openChoiceReader(
  invalid: Invalid,
): (members: JsonObject, take: (choice: RollForwardChoice) => void) => void {
  const generations = new Set<string>();

  function useGeneration(name: string): void {
    const other = [...generations].find((used) => used !== name);
    if (other !== undefined) {
      invalid(`found both ${other} and ${name}, wanted settings of one generation`);
    }
    generations.add(name);
  }

  return (members, take) => {
    const rollForward = stringMember(members, 'rollForward', invalid);
    if (rollForward !== undefined) {
      const wanted = rollForwards.join(', ');
      const chosen = parseRollForward(rollForward);
      take({
        rollForward: chosen ?? invalid(`found rollForward ${shown(rollForward)}, wanted ${wanted}`),
      });
      useGeneration('rollForward');
    }
    // Whatever is not `true` the host takes for `false`.
    if (members.has('applyPatches')) {
      take({ applyPatches: members.get('applyPatches') === true });
      useGeneration('rollForwardOnNoCandidateFx or applyPatches');
    }
    const number = members.get('rollForwardOnNoCandidateFx');
    if (number !== undefined) {
      take({
        rollForward: Number.isInteger(number)
          ? rollForwardOfNumber(Number(number))
          : invalid(`found rollForwardOnNoCandidateFx ${shown(number)}, wanted 0, 1 or 2`),
      });
      useGeneration('rollForwardOnNoCandidateFx or applyPatches');
    }
  };
}
