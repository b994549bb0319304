#!/bin/sh
// 2>/dev/null; exec node -- "$0" "$@"

// A shell reads the line above: after `--` node leaves options such as --env-file to us.
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { exitCodes } from '../error.ts';
import { addBuild } from './build.ts';
import { addCache } from './cache.ts';
import { addCat } from './cat.ts';
import { addCheck } from './check.ts';
import { addConvertDisk } from './convert-disk.ts';
import { addCreate } from './create.ts';
import { addDelete } from './delete.ts';
import { addDiff } from './diff.ts';
import { addDisk } from './disk.ts';
import { addDoctor } from './doctor.ts';
import { addFind } from './find.ts';
import { addFlatten } from './flatten.ts';
import { addGlobalOptions } from './globals.ts';
import { addHistory } from './history.ts';
import { addImages } from './images.ts';
import { addInspect } from './inspect.ts';
import { addKernel } from './kernel.ts';
import { addKill } from './kill.ts';
import { addList } from './list.ts';
import { addLoad } from './load.ts';
import { addLogin } from './login.ts';
import { addLogout } from './logout.ts';
import { addLogs } from './logs.ts';
import { addLs } from './ls.ts';
import { addLsTags } from './ls-tags.ts';
import { addPull } from './pull.ts';
import { addPush } from './push.ts';
import { addReferrers } from './referrers.ts';
import { addRm } from './rm.ts';
import { addRofs } from './rofs.ts';
import { addRun } from './run.ts';
import { addRuntime } from './runtime.ts';
import { addSave } from './save.ts';
import { addSbom } from './sbom.ts';
import { addStart } from './start.ts';
import { addStat } from './stat.ts';
import { addState } from './state.ts';
import { outliveClosedStreams, StdoutClosed } from './stdout.ts';
import { addStop } from './stop.ts';
import { addStore } from './store.ts';
import { addTag } from './tag.ts';
import { addTree } from './tree.ts';
import { addWait } from './wait.ts';

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
    const { usageError } = await import('./usage-error.ts');
    const failure = error instanceof CommanderError ? usageError(error, program) : error;
    return reportFailure(failure, argv);
  }
}

/** Help or version was printed already. */
function isHelp({ code }: CommanderError): boolean {
  return ['commander.help', 'commander.helpDisplayed', 'commander.version'].includes(code);
}

function createProgram(): Command {
  const program = addGlobalOptions(new Command('osv-convert'))
    .description(
      'Converts OCI images of .NET apps to bootable OSv disks: no daemon, no root, no Docker.',
    )
    .version(versionOfPackage(), '--version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .addHelpCommand(
      new Command('help')
        .argument('[command]')
        .description('print the help of a command')
        .helpGroup('Help:'),
    )
    .enablePositionalOptions()
    .configureOutput({ outputError: () => undefined })
    .exitOverride();
  for (const [heading, adders] of groups) {
    program.commandsGroup(heading);
    for (const add of adders) add(program);
  }
  return program.addHelpText('after', examples);
}

/** Every command, as the help lists them. */
const groups: readonly (readonly [heading: string, adders: readonly ((to: Command) => void)[]])[] =
  [
    ['From an image to a machine:', [addPull, addInspect, addCheck, addBuild, addRun, addSbom]],
    [
      'Machines that stay:',
      [
        ...[addCreate, addStart, addState, addList, addLogs],
        ...[addWait, addKill, addStop, addDelete],
      ],
    ],
    [
      'Look into images, layers and disks:',
      [addLs, addCat, addTree, addStat, addFind, addDiff, addHistory, addFlatten],
    ],
    ['Kernels, runtimes and disks:', [addKernel, addRuntime, addDisk, addRofs, addConvertDisk]],
    [
      'Registries:',
      [addLogin, addLogout, addPush, addSave, addLoad, addLsTags, addReferrers, addDoctor],
    ],
    ['The store:', [addImages, addTag, addRm, addStore, addCache]],
  ];

const examples = `
Examples:
  osv-convert kernel fetch                              get an OSv kernel, once
  osv-convert build mcr.microsoft.com/dotnet/samples:aspnetapp -o web.qcow2
  osv-convert run web.qcow2 -p 8080:8080

Exit codes: 0 done, 2 usage, 3 not found, 4 access denied, 5 network,
  6 corrupt input, 7 image not supported, 8 .NET runtime, 9 kernel, 10 output,
  11 store, 12 machine, 130 interrupted`;

function versionOfPackage(): string {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

outliveClosedStreams();
// An open keep-alive connection must not hold a finished command.
process.exit(await main(process.argv));
