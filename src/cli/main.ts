import { setFlagsFromString } from 'node:v8';
import { CommanderError } from 'commander';
import { exitCodes } from '../error.ts';
import { createProgram } from './program.ts';
import { outliveClosedStreams, StdoutClosed } from './stdout.ts';

async function main(argv: readonly string[]): Promise<number> {
  const program = createProgram();
  try {
    await program.parseAsync(argv);
    return Number(process.exitCode ?? exitCodes.ok);
  } catch (error) {
    if (error instanceof StdoutClosed) return Number(process.exitCode ?? exitCodes.ok);
    if (error instanceof CommanderError && isHelp(error)) {
      return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    }
    const { reportFailure } = await import('./failure.ts');
    const { usageError, withHelpHint } = await import('./usage-error.ts');
    const { withTypedFolders } = await import('./typed-folders.ts');
    const failure =
      error instanceof CommanderError ? usageError(error, program) : withHelpHint(error, program);
    return reportFailure(withTypedFolders(failure, program), argv);
  }
}

/** Help or version was printed already. */
function isHelp({ code }: CommanderError): boolean {
  return ['commander.help', 'commander.helpDisplayed', 'commander.version'].includes(code);
}

/**
 * How much of a function runs, in bytes, before V8 compiles it for speed: 15 times as much as by default, and
 * of WebAssembly, which reads the answers of registries, nothing is. A command is over before what that
 * compiler costs, a sixth of a build, is won back. These are flags of version 11, that of Node 20; later
 * ones wait longer by themselves.
 */
const tiering = ['--interrupt-budget=1000000', '--wasm-tiering-budget=1000000000'];

if (process.versions.v8.startsWith('11.')) setFlagsFromString(tiering.join(' '));
outliveClosedStreams();
// An open keep-alive connection must not hold a finished command.
void main(process.argv).then((code) => process.exit(code));
