import { posix } from 'node:path';
import type { DotnetApp } from '../dotnet/app.ts';
import { folderOf } from '../dotnet/command.ts';
import { type Files, readWhole } from '../dotnet/files.ts';
import { dataObstacleAt } from '../osv/data-mounts.ts';
import type { Finding } from './finding.ts';
import type { Setting } from './settings.ts';
import { type IsWritable, isUsuallyWritable, type Needed, tmpfsOption } from './writable.ts';

/**
 * Files that settings name and the app writes: databases of SQLite and files of logs. Relative ones are
 * meant from the working directory.
 */
export function checkPaths(
  settings: readonly Setting[],
  app: Needed & Pick<DotnetApp, 'workingDirectory'>,
  isWritable: IsWritable = isUsuallyWritable,
): readonly Finding[] {
  return settings.flatMap(({ file, key, value }): Finding[] => {
    const path = databaseIn(value) ?? logIn(key, value);
    if (path === undefined) return [];
    const whole = posix.resolve('/', app.workingDirectory, path);
    if (isWritable(whole)) return [];
    return [
      {
        rule: 'read-only-path',
        severity: 'warning',
        evidence: { file, found: `${key}=${value}`.slice(0, 200) },
        consequence: 'the disk is read-only: opening the file to write it fails',
        fix: fixOf(whole, app, `name a file below /tmp: --env ${key.replaceAll(':', '__')}=…`),
      },
    ];
  });
}

/** What is written in memory is gone with the machine. */
function fixOf(path: string, app: Needed, otherwise: string): string {
  const folder = posix.dirname(path);
  const option = tmpfsOption(folder, app);
  if (option === undefined) return `${otherwise}, which ends with the machine`;
  const kept = dataObstacleAt(folder) === undefined ? `; --volume 1G:${folder} keeps it` : '';
  return `${option}, or ${otherwise}; both end with the machine${kept}`;
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
  const isLog = /\.(?:log|clef)$/i.test(value) || /^(?:serilog|nlog)$/.test(names[0] ?? '');
  if (!isPath || !isLog || value.length > 1000) return undefined;
  return rendered(value, '.');
}

const configCap = 1 << 20;

const nlogTarget = /\sfileName\s*=\s*(["'])([\s\S]{1,1000}?)\1/g;

/** Files that loggers read beside the app, and what in them names a file to write. */
const logConfigs: readonly (readonly [name: string, target: RegExp])[] = [
  ['NLog.config', nlogTarget],
  ['nlog.config', nlogTarget],
  ['log4net.config', /<file\s[^>]{0,200}?value\s*=\s*(["'])([\s\S]{1,1000}?)\1/g],
];

/** What the settings of NLog and log4net have written; relative to the folder of the app. */
export function checkLogConfigs(
  files: Files,
  app: Needed,
  isWritable: IsWritable = isUsuallyWritable,
): readonly Finding[] {
  const folder = folderOf(app.assembly ?? app.executable) || '/';
  return logConfigs.flatMap(([name, target]): Finding[] => {
    const file = posix.join(folder, name);
    const text = Buffer.from(readWhole(files, file, configCap) ?? []).toString();
    const written = [...withoutComments(text).matchAll(target)]
      .map(([, , path = '']) => path)
      .find((path) => !isWritable(posix.resolve(folder, rendered(path, folder))));
    if (written === undefined) return [];
    return [
      {
        rule: 'read-only-path',
        severity: 'warning',
        evidence: { file, found: written.slice(0, 200) },
        consequence: 'the disk is read-only: nothing is logged to this file',
        fix: fixOf(
          posix.resolve(folder, rendered(written, folder)),
          app,
          'log to the console, or to a file below /tmp',
        ),
      },
    ];
  });
}

function withoutComments(xml: string): string {
  const [before = '', ...comments] = xml.split('<!--');
  const behind = comments.map((text) => {
    const end = text.indexOf('-->');
    return end < 0 ? '' : text.slice(end + 3);
  });
  return [before, ...behind].join('');
}

/** A path in which NLog fills in names: `${basedir}/logs/${shortdate}.log`. */
function rendered(path: string, folder: string): string {
  return path
    .replace(/\$\{tempdir[^}]*\}/gi, '/tmp')
    .replace(/\$\{(?:basedir|currentdir)[^}]*\}/gi, folder)
    .replace(/\$\{[^}]*\}/g, 'x');
}
