import { describe, expect, it } from 'vitest';
import { writableWith } from '../../../src/check/writable.ts';
import { checkLogConfigs, checkPaths } from '../../../src/check/written-paths.ts';
import { filesWith, settings } from './assemblies.ts';

describe('checkPaths', () => {
  const app = { executable: '/app/web', workingDirectory: '/app' };

  it.each([
    ['ConnectionStrings:Db', 'Data Source=app.db;Cache=Shared', true],
    ['ConnectionStrings:Db', 'Mode=ReadWrite;DataSource="/data/app.sqlite3"', true],
    ['ConnectionStrings:Db', 'Filename=lite.litedb', true],
    ['ConnectionStrings:Db', 'Data Source=/tmp/app.db', false],
    ['ConnectionStrings:Db', 'Data Source=:memory:', false],
    ['ConnectionStrings:Db', 'Data Source=sql.example,1433;Initial Catalog=shop.db', false],
    ['Serilog:WriteTo:0:Args:path', 'logs/app-.txt', true],
    ['Serilog:WriteTo:0:Args:path', '../tmp/app.txt', false],
    ['Logging:File:Path', '/var/log/app.log', true],
    ['NLog:targets:file:fileName', `\${basedir}/logs/\${shortdate}.txt`, true],
    ['NLog:targets:file:fileName', `\${tempdir}/app.txt`, false],
    ['Certificate:Path', '/app/cert.pfx', false],
    ['Text', 'logs/app.log', false],
  ])(
    'judges whether %s=%s is written on the read-only disk (DOTNET.md 7)',
    (key, value, isFound) => {
      const found = checkPaths(settings({ [key]: value }), app);
      expect(found.map(({ rule }) => rule)).toEqual(isFound ? ['read-only-path'] : []);
    },
  );

  const database = (path: string) => settings({ Db: `Data Source=${path}` });

  it.each([
    [
      'data/app.db',
      '--tmpfs /app/data, or name a file below /tmp: --env Db=…; both end with the machine; ' +
        '--volume 1G:/app/data keeps it',
    ],
    ['app.db', 'name a file below /tmp: --env Db=…, which ends with the machine'],
    ['/app.db', 'name a file below /tmp: --env Db=…, which ends with the machine'],
    ['/my data/app.db', 'name a file below /tmp: --env Db=…, which ends with the machine'],
  ])('says how %s can be written', (path, fix) => {
    expect(checkPaths(database(path), app).map((found) => found.fix)).toEqual([fix]);
  });

  it('is silent of what is below a ramfs', () => {
    expect(checkPaths(database('data/app.db'), app, writableWith(['/app/data']))).toEqual([]);
  });
});

describe('checkLogConfigs', () => {
  const app = { assembly: '/app/app.dll', executable: '/usr/bin/dotnet' };
  const written = (name: string, text: string): readonly string[] =>
    checkLogConfigs(filesWith({ [`/app/${name}`]: text }), app).map(
      ({ rule, evidence }) => `${rule} ${evidence.file} ${evidence.found}`,
    );

  it.each([
    [
      'nlog.config',
      `<nlog internalLogFile="/tmp/i.txt"><target name="f" fileName="\${basedir}/logs/a.log"/></nlog>`,
      [`read-only-path /app/nlog.config \${basedir}/logs/a.log`],
    ],
    [
      'NLog.config',
      "<target fileName = 'logs/a.log'/>",
      ['read-only-path /app/NLog.config logs/a.log'],
    ],
    ['NLog.config', `<target fileName="\${tempdir}/a.log"/><!-- <t fileName="a.log"/> -->`, []],
    ['NLog.config', '<target fileName="/tmp/a.log"/><!-- fileName="a.log"', []],
    [
      'log4net.config',
      '<appender><file type="x" value="logs/a.log" /></appender>',
      ['read-only-path /app/log4net.config logs/a.log'],
    ],
    ['other.config', '<target fileName="a.log"/>', []],
  ])('finds in %s what is written: %s (DOTNET.md 7: logs)', (name, text, wanted) => {
    expect(written(name, text)).toEqual(wanted);
  });

  it('takes a moment for hostile ones', () => {
    for (const piece of ['<!--', '<file ', ' fileName=', ' fileName="', ' ']) {
      const text = piece.repeat((1 << 20) / piece.length);
      expect(written('NLog.config', text).length).toBeLessThan(2);
      expect(written('log4net.config', text)).toEqual([]);
    }
  });
});
