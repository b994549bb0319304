import { ConvertError } from '../error.ts';
import type { Kernel, KernelArchitecture } from './kernel.ts';
import type { Capability } from './kernel-capability.ts';
import type { ListedKernel } from './kernels.ts';

/** What an app and its machine need of a kernel. */
export interface KernelNeeds {
  readonly architecture: KernelArchitecture;
  /** The form that boots it; either when absent. */
  readonly form?: 'loader' | 'elf';
  /** The kernel's own C++ library must not stand in for the app's. */
  readonly hiddenSymbols: boolean;
  /** Bytes of thread-local data of the program, alignment included. */
  readonly tlsSize: number;
  /** By the names of capabilities: `membarrier`, `ext`, `virtiofs`. */
  readonly capabilities: readonly string[];
}

/** Something a kernel lacks; what is not `fatal` may do harm later, or in some apps only. */
export interface KernelLack {
  /** Fits behind "KERNEL: ". */
  readonly text: string;
  readonly fatal: boolean;
}

export interface KernelChoice {
  readonly kernel: Kernel;
  /** Why it is not the default, in a sentence; undefined where it is, or where there is no other. */
  readonly reason?: string;
}

export interface Candidate extends ListedKernel {
  readonly capabilities: readonly Capability[];
}

/** All that `kernel` lacks of `needs`; what its files do not show counts as there. */
export function kernelLacks(
  { kernel, capabilities }: Pick<Candidate, 'kernel' | 'capabilities'>,
  needs: KernelNeeds,
): readonly KernelLack[] {
  const lacks: KernelLack[] = [];
  const add = (text: string, fatal: boolean): void => void lacks.push({ text, fatal });
  if (kernel.architecture !== needs.architecture) add(`for ${kernel.architecture}`, true);
  if (needs.form !== undefined && kernel[needs.form] === undefined) {
    add(needs.form === 'loader' ? 'no loader.img' : 'no ELF', true);
  }
  if (needs.hiddenSymbols && kernel.symbols === 'exposed') add('exposed symbols', true);
  if (kernel.tlsLimit !== undefined && kernel.tlsLimit < needs.tlsSize) {
    add(`${kernel.tlsLimit} of ${needs.tlsSize} bytes for thread-local data`, false);
  }
  for (const name of needs.capabilities) {
    const capability = capabilities.find((one) => one.name === name);
    if (capability?.state === 'no') add(`no ${name}`, capability.group === 'file-system');
  }
  return lacks;
}

/**
 * The kernel for `needs` where none is named: the default, or the only one, if it lacks nothing; else the
 * first that lacks nothing, those with hidden symbols and much room before others; else one that lacks
 * nothing fatal, the default before others; with `force` the default, or the first, even so.
 * @throws ConvertError `KERNEL_NOT_FOUND` without any; `KERNEL_UNSUITABLE` where each lacks something fatal.
 */
export function chooseKernel(
  candidates: readonly Candidate[],
  needs: KernelNeeds,
  force = false,
): KernelChoice {
  if (candidates.length === 0) {
    throw new ConvertError(
      'KERNEL_NOT_FOUND',
      'choosing a kernel: found none in the store, wanted one',
      {
        hint: 'osv-convert kernel add loader.img loader-stripped.elf\nor: osv-convert kernel fetch',
      },
    );
  }
  const rated = [...candidates]
    .sort((a, b) => rankOf(a.kernel) - rankOf(b.kernel))
    .map((one) => ({ ...one, lacks: kernelLacks(one, needs) }));
  const isSound = ({ lacks }: { lacks: readonly KernelLack[] }): boolean =>
    !lacks.some(({ fatal }) => fatal);
  const preferred = rated.find(({ isDefault }) => isDefault);
  const whole = [preferred, ...rated].find((one) => one?.lacks.length === 0);
  const sound = [preferred, ...rated].find((one) => one !== undefined && isSound(one));
  const chosen = whole ?? sound ?? (force ? (preferred ?? rated[0]) : undefined);
  if (chosen === undefined) throw unsuitable(rated, needs);
  if (chosen === preferred || candidates.length === 1) return { kernel: chosen.kernel };
  const other = preferred ? `the default ${preferred.kernel.name}: ${textOf(preferred.lacks)}` : '';
  const why = other === '' ? 'no kernel is the default' : other;
  return { kernel: chosen.kernel, reason: `kernel ${chosen.kernel.name} is used, for ${why}` };
}

/** What hides its symbols runs every app; more room for thread-local data is better. */
function rankOf({ symbols, tlsLimit = 0 }: Kernel): number {
  return (symbols === 'hidden' ? 0 : symbols === 'unknown' ? 1 : 2) * 2 ** 32 - tlsLimit;
}

function unsuitable(
  rated: readonly (ListedKernel & { readonly lacks: readonly KernelLack[] })[],
  needs: KernelNeeds,
): ConvertError {
  const found = rated.map(({ kernel, lacks }) => `${kernel.name} (${textOf(lacks)})`).join(', ');
  const symbols = needs.hiddenSymbols ? ' with hidden symbols' : '';
  return new ConvertError(
    'KERNEL_UNSUITABLE',
    `choosing a kernel: found ${found}, wanted one for ${needs.architecture}${symbols} that lacks nothing of that`,
    {
      hint: `osv-convert kernel add loader.img loader-stripped.elf\nor: ${fetchCommandFor(needs.architecture)}\nor take one all the same: --kernel NAME --force`,
    },
  );
}

/** What gets a kernel for a processor. */
export function fetchCommandFor(architecture: KernelArchitecture): string {
  return `osv-convert kernel fetch${architecture === 'x86_64' ? '' : ` --arch ${architecture}`}`;
}

function textOf(lacks: readonly KernelLack[]): string {
  return lacks.map(({ text }) => text).join(', ');
}
