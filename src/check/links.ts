import type { Native } from '../osv/natives.ts';
import type { Finding, Severity } from './finding.ts';

/** What is known of a function that some kernels lack and the .NET runtime names. */
interface Known {
  readonly symbols: readonly string[];
  readonly severity: Severity;
  /** A clause. */
  readonly when: string;
  readonly fix: string;
}

const avoid = 'do without it, or choose a kernel that has it';

/** Functions that .NET's own libraries refer to and call in few places. */
const knownSymbols: readonly Known[] = [
  {
    symbols: ['fma', 'fmaf'],
    severity: 'note',
    when: 'Math.FusedMultiplyAdd is called on a processor without FMA3',
    fix: 'run on a processor with FMA3 (every x86_64 one since 2013)',
  },
  {
    symbols: ['mkstemps', 'mkstemps64'],
    severity: 'note',
    when: 'Path.GetTempFileName is called',
    fix: 'make the name yourself: Path.Combine(Path.GetTempPath(), Guid.NewGuid().ToString())',
  },
  {
    symbols: ['waitid'],
    severity: 'note',
    when: 'a process has been started, which OSv cannot',
    fix: avoid,
  },
  {
    symbols: ['getdomainname'],
    severity: 'note',
    when: 'IPGlobalProperties.DomainName is read',
    fix: avoid,
  },
  {
    symbols: ['getgrouplist'],
    severity: 'note',
    when: 'a process is started for another user, which OSv cannot',
    fix: avoid,
  },
  {
    symbols: ['pthread_mutex_consistent', 'pthread_mutexattr_setrobust'],
    severity: 'note',
    when: 'a Mutex with a name is made',
    fix: 'use a Mutex without a name: there is one process only',
  },
  {
    symbols: ['memfd_create', 'shm_open', 'shm_unlink'],
    severity: 'note',
    when: 'code pages are mapped twice (W^X), which is switched off, or shared memory is made',
    fix: 'leave DOTNET_EnableWriteXorExecute=0 as it is',
  },
  {
    symbols: ['ptrace', 'process_vm_readv'],
    severity: 'note',
    when: 'a dump of the process is made',
    fix: 'leave DOTNET_EnableDiagnostics=0 as it is',
  },
  {
    symbols: ['syslog', 'openlog'],
    severity: 'note',
    when: 'something is written to the system log',
    fix: 'log to the console',
  },
];

const known = new Map(
  knownSymbols.flatMap((one) => one.symbols.map((symbol) => [symbol, one] as const)),
);

/**
 * Functions and data that `natives` name and neither they nor the kernel have. OSv loads a program all
 * the same, and ends the machine when one is first used (core/elf.cc, `lookup_symbol`). It searches all
 * that is loaded, whatever a library says it needs, and heeds no symbol versions. Weak ones may be missing.
 * `kernel` has the names the kernel exports.
 */
export function checkLinks(
  natives: readonly Native[],
  kernel: ReadonlySet<string>,
): readonly Finding[] {
  const defined = new Set(
    natives.flatMap(({ symbols }) => symbols.flatMap((one) => (one.defined ? [one.name] : []))),
  );
  const missing = new Map<string, string>();
  for (const { path, symbols } of natives) {
    for (const { name, defined: isDefined, binding } of symbols) {
      const isWanted = !isDefined && binding === 'global' && name !== '';
      if (!isWanted || defined.has(name) || kernel.has(name) || missing.has(name)) continue;
      missing.set(name, path);
    }
  }
  return [...missing].map(([symbol, file]) => findingOf(symbol, file));
}

function findingOf(symbol: string, file: string): Finding {
  const { severity, when, fix } = known.get(symbol) ?? unknown;
  return {
    rule: 'missing-symbol',
    severity,
    evidence: { file, found: symbol },
    consequence: `the kernel has no ${symbol}: the machine ends ("failed looking up symbol") when ${when}`,
    fix,
  };
}

const unknown: Omit<Known, 'symbols'> = {
  severity: 'warning',
  when: 'it is first used',
  fix: 'add the library that has it (--add), or choose a kernel that exports it',
};
