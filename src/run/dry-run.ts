import { ConvertError } from '../error.ts';
import { shellWord } from '../shell-word.ts';
import { type FirecrackerConfig, firecrackerConfig } from './firecracker-config.ts';
import type { Machine } from './machine.ts';
import { qemuArguments, qemuPrograms } from './qemu-arguments.ts';
import type { VmmKind } from './run-machine.ts';

/** What would be started; its shape is `schemas/run-dry-run.schema.json`. */
export type DryRun =
  | { readonly vmm: 'qemu'; readonly program: string; readonly arguments: readonly string[] }
  | {
      readonly vmm: 'firecracker';
      readonly program: string;
      /** For a file of `config`, `vm.json`. */
      readonly arguments: readonly string[];
      readonly config: FirecrackerConfig;
    };

/**
 * The command line of the kernel, with the variables of the guest, is in it.
 * @throws ConvertError as `firecrackerConfig`; `USAGE` for shares, whose servers would have to run before.
 */
export function dryRunOf(machine: Machine, vmm: VmmKind): DryRun {
  if (vmm === 'qemu' && machine.shares !== undefined) {
    throw new ConvertError('USAGE', 'planning a run: found a share, wanted none for --dry-run', {
      hint: 'osv-convert run FILE --share FOLDER:PATH',
    });
  }
  return vmm === 'qemu'
    ? {
        vmm,
        program: qemuPrograms[machine.architecture],
        arguments: qemuArguments(machine),
      }
    : {
        vmm,
        program: 'firecracker',
        arguments: ['--no-api', '--config-file', 'vm.json'],
        config: firecrackerConfig(machine),
      };
}

/** As a command for a shell, or as a file for `--config-file`. */
export function textOfDryRun(run: DryRun): string {
  return run.vmm === 'qemu'
    ? `${[run.program, ...run.arguments].map(shellWord).join(' ')}\n`
    : `${JSON.stringify(run.config, null, 2)}\n`;
}
