import type { Native } from '../osv/natives.ts';
import type { Finding } from './finding.ts';

/** What is known of functions that some kernels lack and the .NET runtime names. */
interface Known {
  readonly symbols: readonly string[];
  /** A clause. */
  readonly when: string;
}

/** Functions that .NET's own libraries refer to and call in few places. */
const knownSymbols: readonly Known[] = [
  {
    symbols: ['fma', 'fmaf'],
    when: 'Math.FusedMultiplyAdd is called on a processor without FMA3',
  },
  { symbols: ['mkstemps', 'mkstemps64'], when: 'Path.GetTempFileName is called' },
  {
    symbols: ['pthread_mutex_consistent', 'pthread_mutexattr_setrobust'],
    when: 'a Mutex with a name is made',
  },
  {
    symbols: ['memfd_create', 'shm_open', 'shm_unlink'],
    when: 'shared memory is made, or DOTNET_EnableWriteXorExecute is not 0',
  },
  {
    symbols: ['ptrace', 'process_vm_readv'],
    when: 'a dump is made, which takes DOTNET_EnableDiagnostics',
  },
  { symbols: ['getdomainname'], when: 'IPGlobalProperties.DomainName is read' },
  { symbols: ['syslog', 'openlog'], when: 'something is written to the system log' },
  { symbols: ['waitid', 'getgrouplist'], when: 'a process has been started, which OSv refuses' },
];

const known = new Map(
  knownSymbols.flatMap((one) => one.symbols.map((symbol) => [symbol, one] as const)),
);

/**
 * Functions and data that `natives` name and neither they nor the kernel have. OSv loads a program all
 * the same, and ends the machine when one is first used (core/elf.cc, `lookup_symbol`). It searches all
 * that is loaded, whatever a library says it needs, and heeds no symbol versions. Weak ones may be missing.
 * `kernel` has the names the kernel exports. What .NET itself names and calls in few places only is told
 * in one note.
 */
export function checkLinks(
  natives: readonly Native[],
  kernel: ReadonlySet<string>,
): readonly Finding[] {
  const defined = new Set(
    natives.flatMap(({ symbols }) => symbols.flatMap((one) => (one.defined ? [one.name] : []))),
  );
  const seen = new Set<string>();
  const rarely: Missing[] = [];
  const findings: Finding[] = [];
  for (const { path, symbols } of natives) {
    const missing: string[] = [];
    for (const { name, defined: isDefined, binding } of symbols) {
      const isWanted = !isDefined && binding === 'global' && name !== '';
      if (!isWanted || defined.has(name) || kernel.has(name) || seen.has(name)) continue;
      seen.add(name);
      if (known.has(name)) rarely.push({ symbol: name, file: path });
      else missing.push(name);
    }
    if (missing.length > 0) findings.push(lackedBy(path, missing));
  }
  return [...findings, ...rare(rarely)];
}

interface Missing {
  readonly symbol: string;
  /** The first that names it. */
  readonly file: string;
}

/** As many names are told; a library has its reasons for all of them alike. */
const toldCap = 10;

function lackedBy(file: string, symbols: readonly string[]): Finding {
  const more = symbols.length - toldCap;
  const found = symbols.slice(0, toldCap).join(', ');
  return {
    rule: 'missing-symbol',
    severity: 'warning',
    evidence: { file, found: more > 0 ? `${found} and ${more} more` : found },
    consequence:
      'neither the kernel nor a library has it: the machine ends ("failed looking up symbol") when it is first used',
    fix: 'add the library that has it (--add), or choose a kernel that exports it',
  };
}

function rare(missing: readonly Missing[]): readonly Finding[] {
  const [first] = missing;
  if (first === undefined) return [];
  const clauses = new Set(missing.map(({ symbol }) => known.get(symbol)?.when));
  return [
    {
      rule: 'missing-rare-symbols',
      severity: 'note',
      evidence: {
        file: first.file,
        found: missing
          .map(({ symbol }) => symbol)
          .sort()
          .join(', '),
      },
      consequence: `the kernel lacks what .NET seldom calls: the machine ends when ${[...clauses].join('; when ')}`,
      fix: 'do without these, or choose a kernel that exports them',
    },
  ];
}
