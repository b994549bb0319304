import { posix } from 'node:path';
import type { Finding } from './finding.ts';
import type { Setting } from './settings.ts';
import { isWritable } from './writable.ts';

/**
 * Files that settings name and the app writes: databases of SQLite and files of logs. Relative ones are
 * meant from the working directory.
 */
export function checkPaths(
  settings: readonly Setting[],
  workingDirectory: string,
): readonly Finding[] {
  return settings.flatMap(({ file, key, value }): Finding[] => {
    const path = databaseIn(value) ?? logIn(key, value);
    if (path === undefined || isWritable(posix.resolve('/', workingDirectory, path))) return [];
    return [
      {
        rule: 'read-only-path',
        severity: 'warning',
        evidence: { file, found: `${key}=${value}`.slice(0, 200) },
        consequence: 'the disk is read-only: opening the file to write it fails',
        fix: `name a file below /tmp, which ends with the machine: --env ${key.replaceAll(':', '__')}=…`,
      },
    ];
  });
}

/** Of a connection string that names a file: those of database servers name a host. */
function databaseIn(value: string): string | undefined {
  const source = /(?:^|;)\s*(?:data source|datasource|filename)\s*=\s*([^;]{1,1000})/i.exec(value);
  const path = source?.[1]?.trim().replace(/^(["'])(.*)\1$/, '$2');
  return path !== undefined && /\.(?:db|db3|sqlite|sqlite3|litedb)$/i.test(path) ? path : undefined;
}

/** `Serilog:WriteTo:0:Args:path` and the like. */
function logIn(key: string, value: string): string | undefined {
  const names = key.toLowerCase().split(':');
  const isPath = /^(?:path|pathformat|filename|logfile|logpath|file)$/.test(names.at(-1) ?? '');
  const isLog = /\.(?:log|clef)$/i.test(value) || /^serilog/.test(names[0] ?? '');
  return isPath && isLog && value.length <= 1000 ? value : undefined;
}
