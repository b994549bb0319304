import { StoreError } from '../../store/index.ts';
import { ConvertError, errorCodeOf, errorTable, exitCodes } from '../error.ts';
import { jsonText, printableLines } from './format.ts';

/**
 * Prints a failure on stderr, as JSON where the command line asked for it; returns the exit code. A
 * message or a hint may quote an image or a registry: nothing of it but its lines reaches a terminal raw.
 */
export function reportFailure(error: unknown, argv: readonly string[]): number {
  const code = errorCodeOf(error);
  const exitCode = code === undefined ? exitCodes.internal : exitCodes[errorTable[code]];
  const message = messageOf(error);
  const hint = hintOf(error);
  if (wantsJson(argv)) {
    const failure = {
      event: 'error',
      code: code ?? 'INTERNAL',
      message,
      exitCode,
      ...(hint && { hint }),
    };
    process.stderr.write(`${jsonText(failure)}\n`);
  } else {
    process.stderr.write(
      `osv-convert: ${printableLines(message)}${code === undefined ? '' : ` (${code})`}\n`,
    );
    if (hint)
      process.stderr.write(`  try: ${printableLines(hint).replaceAll('\n', '\n       ')}\n`);
  }
  return exitCode;
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return `defect: ${String(error)}`;
  if (errorCodeOf(error) !== undefined) return error.message;
  return `defect, please report it: ${error.stack ?? error.message}`;
}

function hintOf(error: unknown): string | undefined {
  return error instanceof ConvertError || error instanceof StoreError ? error.hint : undefined;
}

function wantsJson(argv: readonly string[]): boolean {
  return (
    argv.includes('--json') ||
    argv.includes('--progress=json') ||
    argv[argv.indexOf('--progress') + 1] === 'json'
  );
}
