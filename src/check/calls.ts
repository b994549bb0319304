import type { Assembly, MemberReference } from '../dotnet/metadata/assembly.ts';
import type { Finding } from './finding.ts';

/** Something .NET offers that OSv does not carry. */
interface CallRule extends Pick<Finding, 'rule' | 'severity' | 'consequence' | 'fix'> {
  /** What of an assembly shows it, as it is to be told; undefined where it does not. */
  readonly find: (assembly: Assembly) => string | undefined;
}

const rules: readonly CallRule[] = [
  {
    rule: 'process-start',
    severity: 'warning',
    find: member('System.Diagnostics.Process', 'Start'),
    consequence: 'OSv runs one process: Process.Start throws Win32Exception',
    fix: 'do the work in the app itself, or ask a service outside of the machine for it',
  },
  {
    rule: 'native-process',
    severity: 'warning',
    find: nativeCall(/^(?:v?fork|exec[lv][pe]*|posix_spawnp?|system|popen)$/),
    consequence: 'OSv runs one process: fork fails, and exec does nothing',
    fix: 'do the work in the app itself, or ask a service outside of the machine for it',
  },
  {
    rule: 'file-watcher',
    severity: 'warning',
    find: member('System.IO.FileSystemWatcher', '.ctor'),
    consequence:
      'OSv has no inotify: a FileSystemWatcher throws IOException when it is switched on',
    fix: 'look at the files from time to time, or use PhysicalFileProvider, which is set to do so',
  },
  {
    rule: 'named-mutex',
    severity: 'warning',
    find: namedMutex,
    consequence: 'a Mutex with a name needs robust mutexes, which OSv has not: the machine ends',
    fix: 'use a Mutex without a name, or lock: there is one process only',
  },
  {
    rule: 'udp-dispose',
    severity: 'warning',
    find: member('System.Net.Sockets.UdpClient', '.ctor'),
    consequence:
      'an assertion of the kernel fails and ends the machine when a UdpClient is disposed',
    fix: 'keep one UdpClient as long as the app runs',
  },
  {
    rule: 'temp-file-name',
    severity: 'warning',
    find: member('System.IO.Path', 'GetTempFileName'),
    consequence: 'Path.GetTempFileName needs mkstemps, which OSv has not: the machine ends',
    fix: 'make the name yourself: Path.Combine(Path.GetTempPath(), Guid.NewGuid().ToString())',
  },
  {
    rule: 'process-times',
    severity: 'note',
    find: member('System.Diagnostics.Process', 'get_StartTime'),
    consequence: 'OSv has no /proc/stat: Process.StartTime throws',
    fix: 'note the time when the app starts',
  },
  {
    rule: 'memory-mapped-name',
    severity: 'note',
    find: member('System.IO.MemoryMappedFiles.MemoryMappedFile', 'CreateNew', 'CreateOrOpen'),
    consequence:
      'memory that is mapped without a file needs memfd_create or shm_open, which OSv has not',
    fix: 'map a file in /tmp: MemoryMappedFile.CreateFromFile',
  },
  {
    rule: 'windows-only',
    severity: 'note',
    find: reference(/^(?:System\.Drawing\.Common|System\.DirectoryServices.*|System\.Management)$/),
    consequence: 'this library works on Windows only, as on any Linux',
    fix: 'use a library that works on Linux',
  },
  {
    rule: 'starts-browser',
    severity: 'warning',
    find: reference(/^(?:Microsoft\.Playwright|PuppeteerSharp|WebDriver)$/),
    consequence: 'this library starts a browser, and OSv runs one process',
    fix: 'connect to a browser outside of the machine',
  },
  {
    rule: 'serial-port',
    severity: 'note',
    find: reference(/^System\.IO\.Ports$/),
    consequence: 'OSv has no serial ports for apps',
    fix: 'reach the device over the network',
  },
  {
    rule: 'writes-files',
    severity: 'note',
    find: reference(
      /^(?:Microsoft\.Data\.Sqlite|Microsoft\.EntityFrameworkCore\.Sqlite|System\.Data\.SQLite|LiteDB|Serilog\.Sinks\.(?:Rolling)?File)$/,
    ),
    consequence: 'the disk is read-only: this library can write below /tmp only',
    fix: 'let it write below /tmp, which ends with the machine, or keep the data on a server',
  },
];

/**
 * What an assembly calls that OSv does not carry (DOTNET.md, section 7). Whether it is ever called cannot
 * be seen: a library that the app did not write itself (`isLibrary`) has many paths that are never taken,
 * and what is found in it is a note.
 */
export function checkCalls(
  assembly: Assembly,
  file: string,
  { isLibrary }: { readonly isLibrary: boolean },
): readonly Finding[] {
  return rules.flatMap(({ find, ...rule }) => {
    const found = find(assembly);
    if (found === undefined) return [];
    const severity = isLibrary ? 'note' : rule.severity;
    return [{ ...rule, severity, evidence: { file, found } }];
  });
}

function member(type: string, ...names: readonly string[]): CallRule['find'] {
  return ({ members }) => {
    const one = members.find((each) => each.type === type && names.includes(each.name));
    return one && nameOf(one);
  };
}

function nativeCall(names: RegExp): CallRule['find'] {
  return ({ imports }) => {
    const one = imports.find(
      ({ library, name }) => /^libc(?:\.|$)/.test(library) && names.test(name),
    );
    return one && `${one.library}!${one.name}`;
  };
}

function reference(names: RegExp): CallRule['find'] {
  return ({ references }) => references.find((name) => names.test(name));
}

/** ECMA-335, II.23.1.16 and II.23.2.1. */
const elementString = 0x0e;

/** `new Mutex(bool, string, …)` and `Mutex.OpenExisting(string)`: a signature is kind, count, types. */
function namedMutex({ members }: Assembly): string | undefined {
  const one = members.find(
    ({ type, name, signature }) =>
      type === 'System.Threading.Mutex' &&
      (name === '.ctor'
        ? signature.includes(elementString, 3)
        : /^(?:Try)?OpenExisting$/.test(name)),
  );
  return one && nameOf(one);
}

function nameOf({ type, name }: MemberReference): string {
  return name === '.ctor' ? `new ${type}` : `${type}.${name}`;
}
