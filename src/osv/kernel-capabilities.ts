import type { Elf } from '../elf/elf.ts';
import { readElf } from '../elf/read.ts';
import { type DynamicSymbol, readSymbols } from '../elf/symbols.ts';
import type { SyncAccess } from '../tree/access.ts';
import type { Kernel } from './kernel.ts';
import { bootFileSystems } from './kernel-bootfs.ts';
import { type Capability, driverBase, markers, supplied } from './kernel-capability.ts';
import { describeKernelElf } from './kernel-elf.ts';

/** What the ELF of a kernel tells of itself; nothing of it is executed. */
export interface KernelAbilities
  extends Pick<Kernel, 'architecture' | 'version' | 'symbols' | 'tlsLimit'> {
  /** What built it, as its `.comment` section has it. */
  readonly compiler?: string;
  /** Bytes of memory that the kernel's own code and data take. */
  readonly memory: number;
  /** Names that programs can be linked with, sorted. */
  readonly exports: readonly string[];
  /** Libraries a program may need and never loads, for the kernel is them. */
  readonly supplied: readonly string[];
  readonly capabilities: readonly Capability[];
}

/** @returns undefined where `bytes` are no ELF of an OSv kernel. */
export function kernelAbilities(bytes: Uint8Array): KernelAbilities | undefined {
  const access: SyncAccess = {
    size: bytes.length,
    read: (offset, length) => bytes.subarray(offset, offset + length),
  };
  const elf = readElf(access);
  const facts = elf?.kind === 'elf' ? describeKernelElf(access, elf) : undefined;
  if (elf?.kind !== 'elf' || facts === undefined || 'reason' in facts) return undefined;
  const symbols = readSymbols(access, elf);
  const file: KernelFileText = {
    text: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    exported: 'kind' in symbols ? new Set() : exportedOf(symbols),
  };
  const compiler = compilerIn(file);
  return {
    ...facts,
    ...(compiler !== undefined && { compiler }),
    memory: elf.segments.reduce(
      (end, { type, memorySize }) => end + (type === 1 ? memorySize : 0),
      0,
    ),
    exports: [...file.exported].sort(),
    supplied: supplied.filter((name) => holds(file, name)),
    capabilities: [
      ...bootCapabilities(elf, facts.architecture),
      ...bootFileSystems(file.text, file.exported),
      ...markers.map((marker) => markedCapability(file, marker)),
      systemCall(file, 'membarrier'),
      pthreadKill(file),
      systemCall(file, 'memfd_create'),
    ],
  };
}

interface KernelFileText {
  readonly text: Buffer;
  readonly exported: ReadonlySet<string>;
}

function exportedOf(symbols: readonly DynamicSymbol[]): ReadonlySet<string> {
  const isExported = ({ name, defined, binding }: DynamicSymbol): boolean =>
    defined && name !== '' && (binding === 'global' || binding === 'weak');
  return new Set(symbols.filter(isExported).map(({ name }) => name));
}

/** PVH is what makes an ELF a kernel here, so `describeKernelElf` has looked for its note already. */
function bootCapabilities(elf: Elf, architecture: Kernel['architecture']): readonly Capability[] {
  // Its ELF alone cannot be started: `image` tells of the form that can.
  if (architecture === 'aarch64') return [];
  const vmlinuz = elf.sections.find(({ name }) => name === '.start32_from_vmlinuz_address');
  return [
    {
      name: 'pvh',
      group: 'boot',
      state: 'yes',
      evidence: 'the Xen note PHYS32_ENTRY',
    },
    {
      name: 'vmlinux',
      group: 'boot',
      state: elf.entry === 0 ? 'no' : 'yes',
      evidence: `the ELF's entry 0x${elf.entry.toString(16)}`,
    },
    {
      name: 'vmlinuz',
      group: 'boot',
      state: vmlinuz ? 'yes' : elf.sections.length > 0 ? 'no' : 'unknown',
      evidence: vmlinuz
        ? 'the section .start32_from_vmlinuz_address'
        : 'no section .start32_from_vmlinuz_address',
    },
  ];
}

function markedCapability(
  file: KernelFileText,
  { name, group, text, within }: (typeof markers)[number],
): Capability {
  const shown = JSON.stringify(text);
  if (within ? file.text.includes(text, 0, 'latin1') : holds(file, text)) {
    return { name, group, state: 'yes', evidence: `the string ${shown}` };
  }
  if (group !== 'driver' || holds(file, driverBase)) {
    return { name, group, state: 'no', evidence: `no string ${shown}` };
  }
  return { name, group, state: 'unknown', evidence: 'no names of C++ classes in the file' };
}

/** A system call that is a function of programs too, or shows by a trace point of its own (OSv, linux.cc). */
function systemCall({ exported, text }: KernelFileText, name: string): Capability {
  const base = { name, group: 'call' } as const;
  if (exported.has(name)) {
    return { ...base, state: 'yes', evidence: `the exported function ${name}` };
  }
  if (text.includes(`trace_syscall_${name}\0`)) {
    return { ...base, state: 'yes', evidence: 'a trace point of the system call' };
  }
  return exported.has('malloc')
    ? { ...base, state: 'no', evidence: `functions are exported, but not ${name}` }
    : { ...base, state: 'unknown', evidence: 'no exported functions in the file' };
}

/** `WARN_STUBBED` (OSv, include/osv/stubbing.hh) prints the function's name, which so is a string of its own. */
function pthreadKill(file: KernelFileText): Capability {
  const base = { name: 'pthread_kill', group: 'call' } as const;
  if (!file.exported.has('pthread_kill')) {
    return { ...base, state: 'unknown', evidence: 'no exported function pthread_kill' };
  }
  const isStub = file.text.includes('%s() stubbed') && countOf(file, 'pthread_kill') > 1;
  return isStub
    ? { ...base, state: 'no', evidence: 'the name in a message that it is stubbed' }
    : { ...base, state: 'yes', evidence: 'exported, and no message that it is stubbed' };
}

/** Whether the file has `text` as a whole string, a NUL before and behind it. */
function holds({ text: bytes }: KernelFileText, text: string): boolean {
  return bytes.includes(`\0${text}\0`, 0, 'latin1');
}

function countOf({ text: bytes }: KernelFileText, text: string): number {
  const wanted = Buffer.from(`\0${text}\0`, 'latin1');
  let count = 0;
  for (let at = bytes.indexOf(wanted); at !== -1; at = bytes.indexOf(wanted, at + 1)) count += 1;
  return count;
}

/** `GCC: (Debian 12.2.0-14) 12.2.0` */
function compilerIn({ text }: KernelFileText): string | undefined {
  const at = text.indexOf('GCC: (');
  const line = at === -1 ? '' : text.toString('latin1', at, at + 160);
  return /^GCC: ([\x20-\x7e]{1,120})\0/.exec(line)?.[1];
}
