import type { Native } from '../osv/natives.ts';
import type { Finding } from './finding.ts';

/** Functions that .NET's own libraries and OpenSSL refer to and call in few places, and what calls them. */
const callers: Readonly<Record<string, string>> = {
  fma: 'Math.FusedMultiplyAdd without FMA3',
  fmaf: 'Math.FusedMultiplyAdd without FMA3',
  getdomainname: 'IPGlobalProperties.DomainName',
  getcontext: 'asynchronous jobs of OpenSSL',
  getgrouplist: 'starting a process',
  makecontext: 'asynchronous jobs of OpenSSL',
  memfd_create: 'memory that is mapped without a file',
  mkstemps: 'Path.GetTempFileName',
  mkstemps64: 'Path.GetTempFileName',
  openlog: 'the system log',
  process_vm_readv: 'dumps',
  pthread_mutex_consistent: 'Mutex with a name',
  pthread_mutexattr_setrobust: 'Mutex with a name',
  ptrace: 'dumps',
  setcontext: 'asynchronous jobs of OpenSSL',
  shm_open: 'memory that is mapped without a file',
  shm_unlink: 'memory that is mapped without a file',
  syslog: 'the system log',
  waitid: 'starting a process',
};

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
  const defined = new Set<string>();
  for (const { symbols } of natives) {
    for (const one of symbols) if (one.defined) defined.add(one.name);
  }
  const seen = new Set<string>();
  const rarely: Missing[] = [];
  const findings: Finding[] = [];
  for (const { path, symbols, lacking } of natives) {
    const missing: string[] = [];
    for (const { name, defined: isDefined, binding } of symbols) {
      const isWanted = !isDefined && binding === 'global' && name !== '';
      if (!isWanted || defined.has(name) || kernel.has(name) || seen.has(name)) continue;
      seen.add(name);
      if (Object.hasOwn(callers, name)) rarely.push({ symbol: name, file: path });
      else missing.push(name);
    }
    if (missing.length > 0) findings.push(lackedBy(path, missing, lacking));
  }
  return [...findings, ...rare(rarely)];
}

/**
 * What is told of missing libraries, after the functions were looked at: OSv goes on without a library,
 * and where functions of it are missing that is told once.
 * @param natives the files whose functions were looked at.
 */
export function settleLibraries(
  findings: readonly Finding[],
  natives: readonly Native[],
  links: readonly Finding[],
): readonly Finding[] {
  const lackedBy = new Set(links.map(({ evidence }) => evidence.file));
  const lookedAt = new Set(natives.map(({ path }) => path));
  return findings.flatMap((finding): readonly Finding[] => {
    const { rule, evidence } = finding;
    if (rule !== 'missing-library' || !lookedAt.has(evidence.file ?? '')) return [finding];
    if (lackedBy.has(evidence.file)) return [];
    const consequence = 'OSv goes on without it: all functions that the file calls are there';
    return [{ ...finding, severity: 'note', consequence }];
  });
}

interface Missing {
  readonly symbol: string;
  /** The first that names it. */
  readonly file: string;
}

/** As many names are told; a library has its reasons for all of them alike. */
const toldCap = 5;

function lackedBy(file: string, symbols: readonly string[], libraries: readonly string[]): Finding {
  const needs = libraries.length === 0 ? '' : `needs ${listOf(libraries)}; `;
  return {
    rule: 'missing-symbol',
    severity: 'warning',
    evidence: { file, found: `${needs}calls ${listOf(symbols)}` },
    consequence:
      'neither the kernel nor a library has it: OSv loads the file all the same, and the machine ends ("failed looking up symbol") when it is first called',
    fix:
      libraries.length === 0
        ? 'add the library that has it (--add), or choose a kernel that exports it'
        : 'install what it needs in the image, or do without what loads it',
  };
}

function listOf(names: readonly string[]): string {
  const more = names.length - toldCap;
  const told = names.slice(0, toldCap).join(', ');
  return more > 0 ? `${told} and ${more} more` : told;
}

function rare(missing: readonly Missing[]): readonly Finding[] {
  const [first] = missing;
  if (first === undefined) return [];
  const names = missing.map(({ symbol }) => symbol).sort();
  const uses = [...new Set(names.map((name) => callers[name]))].sort();
  return [
    {
      rule: 'missing-rare-symbols',
      severity: 'note',
      evidence: { file: first.file, found: names.join(', ') },
      consequence: `the machine ends when .NET calls them, which few things do: ${uses.join(', ')}`,
      fix: 'nothing, where no other finding names one of these; some kernels export them',
    },
  ];
}
