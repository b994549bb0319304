import { decodeName, encodeName } from '../../store/index.ts';
import type { Variables } from '../oci/execution.ts';
import type { Report } from '../report.ts';

interface Shown extends Pick<Report, 'env' | 'commandLine'> {
  readonly app: Pick<Report['app'], 'program' | 'args' | 'workingDirectory'>;
}

/** What is shown of a value that may be a secret. */
const hidden = '***';

/** The command line of a disk for people to read: without the values that were given for this guest. */
export async function shownCommandLine(
  { app, env, commandLine }: Shown,
  given: Variables = new Map(),
): Promise<string> {
  const secret = [...given].filter(([, value]) => value !== undefined && value !== '');
  if (secret.length === 0) return commandLine;
  const { commandLineOf } = await import('../guest.ts');
  const { dataMountsOf } = await import('../osv/data-mounts.ts');
  const shown = new Map([
    ...Object.entries(env),
    ...secret.map(([name]) => [name, hidden] as const),
  ]);
  return decodeName(
    commandLineOf({ ...app, env: shown, mounts: dataMountsOf(encodeName(commandLine)) }),
  );
}
