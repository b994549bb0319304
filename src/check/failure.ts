import { ConvertError, type ErrorCode } from '../error.ts';
import type { Finding } from './finding.ts';
import type { RuleID } from './rules.ts';

/** What is wrong with the image itself; all other failures are those of the command. */
const ruleOfCode: Readonly<Partial<Record<ErrorCode, RuleID>>> = {
  APP_NOT_FOUND: 'app-not-found',
  APP_INVALID: 'app-invalid',
  SHELL_ENTRYPOINT: 'shell-entrypoint',
  RUNTIMECONFIG_INVALID: 'runtimeconfig-invalid',
  FRAMEWORK_NOT_FOUND: 'framework-not-found',
  FRAMEWORK_CONFLICT: 'framework-conflict',
  RUNTIME_NOT_FOUND: 'runtime-not-found',
  LIBRARY_NOT_FOUND: 'library-not-found',
  ROOT_CONFLICT: 'root-conflict',
  COMMAND_LINE_INEXPRESSIBLE: 'command-line-inexpressible',
};

/** A reason for which no disk can be built, as a finding; undefined for one that is not the image's. */
export function findingOfFailure(failure: unknown): Finding | undefined {
  if (!(failure instanceof ConvertError)) return undefined;
  const rule = ruleOfCode[failure.code];
  if (rule === undefined) return undefined;
  return {
    rule,
    severity: 'error',
    evidence: { found: failure.message },
    consequence: 'no disk can be built',
    fix: failure.hint ?? 'change what the message names',
    code: failure.code,
  };
}
