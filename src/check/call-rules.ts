import type { Finding } from './finding.ts';
import {
  anyOf,
  member,
  named,
  nativeCall,
  processFunctions,
  protectsData,
  reference,
  type Use,
} from './uses.ts';
import type { IsWritable } from './writable.ts';

/** Something .NET offers that OSv does not carry. */
export interface CallRule extends Pick<Finding, 'rule' | 'severity' | 'consequence' | 'fix'> {
  readonly find: Use;
  /** Whether it is so in a guest; in all of them when absent. */
  readonly when?: (guest: GuestFacts) => boolean;
  /** What only the app's own code is asked about: libraries call it and can do without. */
  readonly ofAppOnly?: true;
}

/** What of a guest makes a difference to rules. */
export interface GuestFacts {
  /** Major version of the app's .NET; 0 where it is not known. */
  readonly major: number;
  readonly env: ReadonlyMap<string, string>;
  readonly isWritable: IsWritable;
}

const elsewhere = 'do the work in the app itself, or ask a service outside of the machine for it';

/** What each does was seen on OSv v0.57.0-398, hidden symbols, with .NET 10 where nothing else is said. */
export const callRules: readonly CallRule[] = [
  {
    rule: 'process-start',
    severity: 'warning',
    find: member('System.Diagnostics.Process', 'Start'),
    consequence:
      'OSv runs one process: Process.Start throws Win32Exception, or ArgumentException where output is redirected',
    fix: elsewhere,
  },
  {
    rule: 'native-process',
    severity: 'warning',
    find: nativeCall(processFunctions),
    consequence:
      'OSv runs one process: fork, exec, system and popen fail, and posix_spawn is not there (EntryPointNotFoundException)',
    fix: elsewhere,
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
    find: named(/^System\.Threading\.Mutex$/, '.ctor'),
    consequence:
      'making a Mutex with a name needs robust mutexes, which OSv has not: the machine ends',
    fix: 'use a Mutex without a name, or lock: there is one process only',
  },
  {
    rule: 'named-handle',
    severity: 'note',
    find: named(/^System\.Threading\.(?:Semaphore|EventWaitHandle)$/, '.ctor', 'OpenExisting'),
    consequence: 'handles with a name throw PlatformNotSupportedException, as on any Linux',
    fix: 'use one without a name: there is one process only',
    ofAppOnly: true,
  },
  {
    rule: 'udp-dispose',
    severity: 'warning',
    find: member('System.Net.Sockets.UdpClient', '.ctor'),
    consequence:
      'an assertion of the kernel fails and ends the machine when a UdpClient is disposed or closed',
    fix: 'use a Socket of ProtocolType.Udp, which can be disposed, or keep one UdpClient as long as the app runs',
  },
  {
    rule: 'unix-socket',
    severity: 'warning',
    find: anyOf(
      member('System.Net.Sockets.UnixDomainSocketEndPoint', '.ctor'),
      member('System.IO.Pipes.NamedPipeServerStream', '.ctor'),
      member('System.IO.Pipes.NamedPipeClientStream', '.ctor'),
      member('Microsoft.AspNetCore.Server.Kestrel.Core.KestrelServerOptions', 'ListenUnixSocket'),
    ),
    consequence:
      'OSv has no Unix sockets, and pipes with a name are made of them: SocketException is thrown',
    fix: 'use TCP on the loopback interface, or a Channel: there is one process only',
  },
  {
    rule: 'ipv6',
    severity: 'note',
    find: member('System.Net.IPAddress', 'IPv6Any', 'IPv6Loopback'),
    consequence: 'OSv has no IPv6: a socket for such an address throws SocketException',
    fix: 'use IPAddress.Any, at least where Socket.OSSupportsIPv6 is false',
    ofAppOnly: true,
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
    // Seen to fail with 3.1 and to work with 10; 8 asks the same function as 10 does.
    when: ({ major }) => major < 8,
    consequence: 'OSv has no /proc/stat, which .NET before 8 reads: Process.StartTime throws',
    fix: 'note the time when the app starts, or use .NET 8 or later',
  },
  {
    rule: 'process-modules',
    severity: 'warning',
    // The shared memory by which OpenSSL waits for random numbers has no name in /proc/self/maps.
    find: member('System.Diagnostics.Process', 'get_MainModule', 'get_Modules'),
    consequence:
      'an assertion of the kernel fails and ends the machine when modules are asked for after OpenSSL made random numbers, as for TLS',
    fix: 'use Environment.ProcessPath, or AppContext.BaseDirectory',
  },
  {
    rule: 'memory-mapped-name',
    severity: 'warning',
    find: member('System.IO.MemoryMappedFiles.MemoryMappedFile', 'CreateNew', 'CreateOrOpen'),
    consequence:
      'memory that is mapped without a file needs shm_open, which OSv has not: the machine ends',
    fix: 'map a file in /tmp: MemoryMappedFile.CreateFromFile',
  },
  {
    rule: 'domain-name',
    severity: 'warning',
    find: member('System.Net.NetworkInformation.IPGlobalProperties', 'get_DomainName'),
    consequence:
      'IPGlobalProperties.DomainName needs getdomainname, which OSv has not: the machine ends',
    fix: 'take the name from a setting',
  },
  {
    rule: 'drives',
    severity: 'note',
    find: member(
      'System.IO.DriveInfo',
      'GetDrives',
      'get_AvailableFreeSpace',
      'get_TotalFreeSpace',
      'get_TotalSize',
    ),
    consequence:
      'OSv tells of no drives, and of 0 bytes that are free: a health check of them finds the disk full',
    fix: 'leave that check out: the memory of the machine is what /tmp has',
  },
  {
    rule: 'network-state',
    severity: 'warning',
    find: member(
      'System.Net.NetworkInformation.IPGlobalProperties',
      'GetActiveTcpConnections',
      'GetActiveTcpListeners',
      'GetActiveUdpListeners',
      'GetIPv4GlobalStatistics',
      'GetTcpIPv4Statistics',
      'GetUdpIPv4Statistics',
    ),
    consequence:
      'OSv has no /proc/net: asking for connections, listeners or statistics throws NetworkInformationException',
    fix: 'to find a free port listen on port 0',
  },
  {
    rule: 'ping',
    severity: 'warning',
    find: member('System.Net.NetworkInformation.Ping', '.ctor'),
    consequence: 'Ping.Send throws PingException: it needs raw sockets or starts a program',
    fix: 'open a TCP connection to see whether somebody is there',
  },
  {
    rule: 'windows-only',
    severity: 'note',
    find: reference(
      /^(?:System\.Drawing\.Common|System\.DirectoryServices(?:\.AccountManagement)?|System\.Management)$/,
    ),
    consequence:
      'this library works on Windows only: it throws PlatformNotSupportedException, as on any Linux',
    fix: 'use a library that works on Linux',
    ofAppOnly: true,
  },
  {
    rule: 'powershell',
    severity: 'warning',
    find: reference(/^System\.Management\.Automation$/),
    consequence:
      'OSv runs one process: what PowerShell starts as a program fails; its own commands run',
    fix: elsewhere,
  },
  {
    rule: 'starts-browser',
    severity: 'warning',
    find: reference(/^(?:Microsoft\.Playwright|PuppeteerSharp|WebDriver)$/),
    consequence: 'this library starts a browser or its driver, and OSv runs one process',
    fix: 'connect to a browser outside of the machine',
  },
  {
    rule: 'serial-port',
    severity: 'note',
    find: reference(/^System\.IO\.Ports$/),
    consequence: 'OSv has no serial ports for apps',
    fix: 'reach the device over the network',
    ofAppOnly: true,
  },
  {
    rule: 'writes-files',
    severity: 'note',
    find: reference(
      /^(?:Microsoft\.Data\.Sqlite|Microsoft\.EntityFrameworkCore\.Sqlite|System\.Data\.SQLite|LiteDB|Serilog\.Sinks\.(?:Rolling)?File)$/,
    ),
    consequence:
      'the disk is read-only: this library can write below /tmp, a --tmpfs and a --volume only',
    fix: 'let it write below /tmp or a --tmpfs, which end with the machine, below a --volume, which stays, or keep the data on a server',
    ofAppOnly: true,
  },
  {
    rule: 'sqlite-wal',
    severity: 'warning',
    find: reference(/^Microsoft\.EntityFrameworkCore\.Sqlite$/),
    consequence:
      'EnsureCreated and Migrate make a database with a write-ahead log, for which OSv lacks locks of files: SqliteException (locking protocol)',
    fix: 'put Vfs=unix-none into the connection string: there is one process only, and without locks SQLite keeps another log; or keep the data on a server',
    ofAppOnly: true,
  },
  {
    rule: 'data-protection',
    severity: 'warning',
    find: protectsData,
    when: ({ env, isWritable }) => isWritable(env.get('HOME') ?? ''),
    consequence:
      'the keys of data protection are written below $HOME through Path.GetTempFileName, which OSv has not: the machine ends when they are made, often as the app starts',
    fix: 'keep the keys in memory: --env HOME=/, or on a server: PersistKeysTo…',
    ofAppOnly: true,
  },
  {
    rule: 'ephemeral-keys',
    severity: 'note',
    find: protectsData,
    when: ({ env, isWritable }) => !isWritable(env.get('HOME') ?? ''),
    consequence:
      'the keys of data protection are in memory: cookies and forms of before a restart are refused',
    fix: 'keep the keys on a server (PersistKeysTo…), or let the clients sign in again',
    ofAppOnly: true,
  },
  {
    rule: 'plugins',
    severity: 'note',
    find: anyOf(
      member('System.Runtime.Loader.AssemblyLoadContext', 'LoadFromAssemblyPath'),
      member('System.Reflection.Assembly', 'LoadFrom', 'LoadFile'),
    ),
    consequence:
      'the app loads assemblies by their paths: those below its own folder were looked at, others were not',
    fix: 'keep plugins below the folder of the app',
    ofAppOnly: true,
  },
];
