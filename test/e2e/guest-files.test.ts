import { mkdir, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { consoleApp, digestsOf, type GuestSite, openGuestSite } from '../support/guest-site.ts';

let site: GuestSite;

beforeAll(async () => {
  site = await openGuestSite();
});

afterAll(async () => {
  await site?.close();
});

describe('files of this host and of other images', () => {
  beforeAll(async () => {
    await mkdir(site.at('settings/deep'), { recursive: true });
    await writeFile(site.at('settings/app.json'), '{}');
    await writeFile(site.at('settings/deep/x.txt'), 'x');
    await writeFile(site.at('passwd'), 'root:x:0:0::/:\n');
  });

  it('are laid over the image, those of the host last, and give the same bytes each time', async () => {
    const options = [
      ...['--add', 'passwd:/etc/passwd', '--add', 'settings:/app/', '--add', 'settings:/home'],
      ...['--copy-from', 'oci:tools:1:/opt/tools', '--copy-from', 'oci:tools:1:/opt/tools:/home/'],
      ...['--add', 'passwd:/opt/tools/a.txt'],
    ];
    const { disk, report } = await site.build(options);
    const shown = await site.cli([
      ...['cat', disk, '/etc/passwd', '/app/settings/app.json', '/home/deep/x.txt'],
      ...['/opt/tools/a.txt', '/opt/tools/b.txt', '/home/tools/a.txt'],
    ]);
    const passwd = 'root:x:0:0::/:\n';
    expect(shown.stdout, shown.stderr).toBe(`${passwd}{}x${passwd}ba of the tools`);
    const from = { from: 'image', name: 'localhost/tools:1' };
    expect(report.additions).toMatchObject([
      { ...from, path: '/opt/tools' },
      { ...from, path: '/home/tools' },
      { from: 'host', path: '/etc/passwd' },
      { from: 'host', path: '/app/settings' },
      { from: 'host', path: '/home' },
      { from: 'host', path: '/opt/tools/a.txt' },
    ]);
    const digests = await digestsOf(disk);
    await site.build(options, { env: { OSV_CONVERT_STORE: site.at('another-store') } });
    expect(await digestsOf(disk)).toEqual(digests);
  });

  it.each([
    [
      ['--add', 'passwd:/app'],
      7,
      'adding "/app": found a file to go where the image has a directory',
    ],
    [['--add', 'settings:/etc/passwd'], 7, 'found a directory to go where the image has a file'],
    [['--add', 'passwd:/proc/x'], 7, 'a path below /proc, where OSv mounts over it'],
    [['-o', '-'], 2, 'found - for stdout, wanted a file'],
    [['--add', 'passwd'], 2, 'wanted HOST:GUEST with an absolute GUEST'],
    [['--add', 'nope:/app/'], 2, 'adding nope: found no such file'],
    [['--copy-from', 'oci:tools:1'], 2, 'wanted REF:PATH or REF:PATH:GUEST'],
    [['--copy-from', 'oci:tools:1:/opt/tool'], 3, 'osv-convert ls oci:tools:1 /opt'],
    [
      ['--drop', '/app/console.dll'],
      2,
      'found the program /app/console.dll among what --drop names',
    ],
  ])('are refused when they are %j', async (options, code, message) => {
    const args = [
      'build',
      consoleApp,
      '-o',
      'none.raw',
      '--boot',
      'direct',
      '--runtime',
      './dotnet',
    ];
    const result = await site.cli([...args, ...options]);
    expect(result.stderr).toContain(message);
    expect(result.code).toBe(code);
  });

  it('come from a registry too, with --frozen only what the lock file names', async () => {
    const lock = ['--lock', 'images.lock'];
    const tools = `${site.registry}/tools:1`;
    const copy = ['--copy-from', `${tools}:/opt/tools/a.txt:/app/`, ...lock];
    expect(await site.cli(['pull', consoleApp, ...lock])).toMatchObject({ code: 0 });
    const refused = await site.cli([
      'build',
      consoleApp,
      '-o',
      'none.raw',
      ...copy,
      '--boot',
      'direct',
    ]);
    expect(refused.stderr).toContain(tools);
    expect(refused.stderr).toContain('LOCK_MISSING');
    const hint = /osv-convert (pull .*)/.exec(refused.stderr)?.[1] ?? refused.stderr;
    expect(await site.cli(hint.split(' '))).toMatchObject({ code: 0 });
    const { report } = await site.build(copy);
    expect(report.additions).toMatchObject([{ path: '/app/a.txt', name: tools }]);
  });

  it('are kept and dropped by globs, and one that matches nothing is told', async () => {
    const globs = ['--keep', '/usr/share/zoneinfo', '--drop', '*.deps.json', '--drop', '/app/docs'];
    const { report, printed } = await site.build([...globs, '--include', 'all']);
    expect(printed).toContain('warning: --drop /app/docs matches nothing');
    expect(printed).not.toContain('warning: --keep');
    const paths = report.files.map(({ path }) => path);
    expect(paths).toContain('/usr/share/zoneinfo/UTC');
    expect(paths.filter((path) => path.endsWith('.deps.json'))).toEqual([]);
  });
});
