/** What the ELF reader tells of a file (System V gABI, chapters 4 and 5). Sizes and positions in bytes. */
export interface Elf {
  readonly kind: 'elf';
  readonly bits: 32 | 64;
  readonly littleEndian: boolean;
  /** `e_type`: 2 for an executable, 3 for what is shared (gABI, chapter 4). */
  readonly type: number;
  /** `e_machine`, see `machines`. */
  readonly machine: number;
  readonly entry: number;
  readonly segments: readonly Segment[];
  /** Empty when the file was stripped of its section table, or the table is damaged: loaders ignore it. */
  readonly sections: readonly Section[];
  /** PT_INTERP: the program that loads this one. */
  readonly interpreter?: string;
  /** PT_TLS: size and alignment of a thread's copy. */
  readonly tls?: { readonly memorySize: number; readonly align: number };
  /** The dynamic section up to DT_NULL; empty for static files. */
  readonly dynamic: readonly DynamicTag[];
  /** DT_NEEDED, in order. */
  readonly needed: readonly string[];
  readonly soname?: string;
  /** DT_RUNPATH, or DT_RPATH without one, split at colons. `$ORIGIN` is not replaced. */
  readonly runpath: readonly string[];
}

export interface Segment {
  /** `p_type`, see `segmentTypes`. */
  readonly type: number;
  /** Bits: 1 execute, 2 write, 4 read. */
  readonly flags: number;
  readonly offset: number;
  readonly address: number;
  readonly physicalAddress: number;
  readonly fileSize: number;
  readonly memorySize: number;
  readonly align: number;
}

export interface Section {
  readonly name: string;
  /** `sh_type`, see `sectionTypes`. */
  readonly type: number;
  readonly address: number;
  readonly offset: number;
  readonly size: number;
  readonly entrySize: number;
}

export interface DynamicTag {
  readonly tag: number;
  readonly value: number;
}

/** A file with the ELF magic that cannot be what it says. `reason` fits behind a colon. */
export interface BrokenElf {
  readonly kind: 'broken';
  readonly reason: string;
}

export const machines = { x86: 3, arm: 40, x64: 62, arm64: 183 } as const;

export const segmentTypes = { load: 1, dynamic: 2, interpreter: 3, note: 4, tls: 7 } as const;

export const sectionTypes = { noBits: 8, dynamicSymbols: 11 } as const;

export const segmentFlags = { execute: 1, write: 2, read: 4 } as const;

/** The name .NET and people use for an `e_machine`. */
export function machineName(machine: number): string {
  const known = Object.entries(machines).find(([, number]) => number === machine);
  return known?.[0] ?? `machine ${machine}`;
}
