import { ConvertError } from '../error.ts';
import { shellWord } from '../shell-word.ts';
import type { FoundMachine } from './find-machine.ts';
import type { Status } from './state.ts';

/** Of a transition that the spec forbids. */
export function wrongStatus(
  doing: string,
  { id, status }: Pick<FoundMachine, 'id' | 'status'>,
  wanted: readonly Status[],
): ConvertError {
  const next = nextStep[status];
  return new ConvertError(
    'MACHINE_STATE',
    `${doing} machine ${id}: found it ${status}, wanted it ${wanted.join(' or ')}`,
    { hint: `osv-convert ${next} ${shellWord(id)}` },
  );
}

const nextStep: Readonly<Record<Status, string>> = {
  creating: 'state',
  created: 'start',
  running: 'stop',
  stopped: 'delete',
};
