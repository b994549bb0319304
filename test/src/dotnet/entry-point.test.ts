import { describe, expect, test } from 'vitest';
import type { ExecutionConfig } from '../../../src/oci/config.ts';
import { buildElf } from '../elf/elf-builder.ts';
import { buildAssembly } from './assembly-builder.ts';
import {
  apphostData,
  core,
  describeImage,
  failureOf,
  type ImageFiles,
  managed,
  runtime,
} from './image-builder.ts';

const app = managed('app', { framework: core('8.0.0') });

const failure = (files: ImageFiles, config: Partial<ExecutionConfig>) =>
  failureOf(() => describeImage(files, config));

describe('an entry point in wrappers (DOTNET.md 1.6, 1)', () => {
  test.each<[readonly string[], readonly string[]]>([
    [['/bin/sh', '-c', 'dotnet app.dll'], []],
    [
      ['sh', '-c', 'exec dotnet app.dll --urls http://+:80'],
      ['--urls', 'http://+:80'],
    ],
    [
      ['sh', '-c', 'dotnet app.dll --urls http://*:80 "two words"'],
      ['--urls', 'http://*:80', 'two words'],
    ],
    [['/bin/bash', '-o', 'pipefail', '-ec', 'dotnet app.dll'], []],
    [
      ['/bin/sh', '-c', 'exec dotnet app.dll "$@"', '--', 'a', 'b c'],
      ['a', 'b c'],
    ],
    [['/bin/sh', '-c', 'dotnet app.dll', 'ignored'], []],
    [['/sbin/tini', '--', 'dotnet', 'app.dll', 'x'], ['x']],
    [
      ['tini', '-g', 'dotnet', 'app.dll', '--', 'x'],
      ['--', 'x'],
    ],
    [['tini', '-p', 'SIGTERM', '--', 'dotnet', 'app.dll'], []],
    [['dumb-init', '/bin/bash', '-c', ' exec  dotnet app.dll '], []],
    [['sh', '-c', 'exec tini -- dotnet app.dll'], []],
  ])('is taken out of %j', (Entrypoint, args) => {
    expect(describeImage(app, { Entrypoint, WorkingDir: '/app' })).toMatchObject({
      assembly: '/app/app.dll',
      args,
    });
  });

  test('keeps what its script sets and where it goes, and tells of it', () => {
    const image = { ...app, '/srv/x': '', '/link': { link: '/app' } };
    const described = describeImage(image, {
      Entrypoint: ['/bin/sh', '-c', `cd /link && URLS=http://*:$PORT exec dotnet \${DLL}`],
      Env: ['PORT=80', 'DLL=app.dll', 'URLS='],
      WorkingDir: '/srv',
    });
    expect(described).toMatchObject({ assembly: '/app/app.dll', workingDirectory: '/app' });
    expect(described.env.get('URLS')).toBe('http://*:80');
    expect(described.evidence[1]).toMatch(/^the shell script "cd \/link .* is one simple command/);
  });

  test('is read to the end when scripts start scripts, and refused when they never stop', () => {
    const nested = ['sh', '-c', `sh -c 'bash -c "dotnet app.dll"'`];
    expect(describeImage(app, { Cmd: nested, WorkingDir: '/app' }).assembly).toBe('/app/app.dll');
    const endless = { Cmd: ['sh', '-c', '$X -c "$S"'], Env: ['X=sh', 'S=$X -c "$S"'] };
    expect(failure(app, endless)).toMatchObject({
      code: 'SHELL_ENTRYPOINT',
      message: expect.stringContaining('8 deep'),
    });
  });
});

describe('an entry point that is a script (DOTNET.md 1.6, 1)', () => {
  const image = {
    ...app,
    '/bin/busybox': buildElf(),
    '/bin/bash': { link: 'busybox' },
    '/entrypoint.sh':
      '#!/bin/sh\nset -e\n# start\nif [ -n "$MIGRATE" ]; then\n  dotnet /app/ef.dll\nfi\ncd /app\nA=1 exec dotnet app.dll --verbose "$@"\n',
  };

  test.each<[string, readonly string[], string]>([
    ['several commands', ['/bin/sh', '-c', 'migrate && dotnet app.dll'], 'it has "&&"'],
    ['two lines', ['/bin/sh', '-c', 'dotnet app.dll\nmore'], 'it has several lines'],
    [
      'a variable that is not set',
      ['sh', '-c', 'dotnet app.dll --urls http://+:$PORT'],
      'the image sets no PORT',
    ],
    ['a file of its own', ['bash', '-c', 'cd /gone && dotnet app.dll'], 'no folder "/gone"'],
    ['an empty script', ['bash', '-c', ''], 'it does nothing'],
    ['a login shell', ['bash', '-lc', 'dotnet app.dll'], 'starts a shell'],
    ['a shell', ['/bin/bash'], 'starts a shell'],
  ])('is refused when it is %s', (_, Entrypoint, shown) => {
    const { code, message } = failure(image, { Entrypoint, WorkingDir: '/app' });
    expect(code).toBe('SHELL_ENTRYPOINT');
    expect(message).toContain(shown);
  });

  test('is refused when bash would read a file first', () => {
    const config = { Cmd: ['bash', '-c', 'dotnet app.dll'], Env: ['BASH_ENV=/etc/x'] };
    expect(failure(image, config).message).toContain('the image sets BASH_ENV');
  });

  test.each([[['/entrypoint.sh']], [['sh', '/entrypoint.sh']]])(
    'is shown whole, with the line that starts the app and what to write instead, when it is %j',
    (Entrypoint) => {
      const { message, hint } = failure(image, { Entrypoint, Cmd: ['--port', '80'] });
      expect(message).toContain('starts the script /entrypoint.sh');
      expect(message).toContain('\n  if [ -n "$MIGRATE" ]; then\n    dotnet /app/ef.dll\n  fi\n');
      expect(message).toMatch(/\nThis starts the app: A=1 exec dotnet app\.dll --verbose "\$@"$/);
      expect(hint).toBe(
        'rebuild the image with ENV A=1 and WORKDIR /app and ENTRYPOINT ["dotnet","/app/app.dll","--verbose"]\n' +
          `or, without a rebuild: --env A=1 --workdir /app --entrypoint '["dotnet","/app/app.dll","--verbose","--port","80"]'`,
      );
    },
  );

  test.each<[string, string, string | undefined]>([
    [
      'the last of several',
      'dotnet one.dll\ndotnet app.dll && echo done',
      '["dotnet","/app/app.dll"]',
    ],
    ['one under another user', 'exec gosu app dotnet app.dll', '["dotnet","/app/app.dll"]'],
    ['an apphost', './wait-for-it.sh db:1 -- true; exec ./app $@', '["/app/app"]'],
    ['none that can be found', 'exec java -jar app.jar', '["dotnet","/app/app.dll"]'],
  ])('has a hint when the command in it is %s', (_, script, words) => {
    const files = { ...app, '/app/app': buildElf({ data: apphostData(0, 'app.dll') }) };
    const config = { Cmd: ['sh', '-c', `true\n${script}`], WorkingDir: '/app' };
    expect(failure(files, config).hint).toContain(`rebuild the image with ENTRYPOINT ${words}`);
  });

  test('has a hint with its variables when the image does not set them', () => {
    const script = `true; exec dotnet app.dll --urls "http://*:$PORT" \${MODE:-fast}`;
    const { message, hint } = failure(app, { Cmd: ['sh', '-c', script], WorkingDir: '/app' });
    expect(message).toContain('This starts the app: exec dotnet app.dll');
    expect(hint).toContain('["dotnet","/app/app.dll","--urls","http://*:$PORT","fast"]');
    expect(hint).toMatch(/with values in place of its variables, which the image does not set$/);
  });

  test('is shown in part when it is long', () => {
    const script = `#!/bin/sh\n${'echo x\n'.repeat(200)}`;
    const { message } = failure({ ...app, '/run.sh': script }, { Cmd: ['/run.sh'] });
    expect(message.split('\n').length).toBeLessThan(50);
    expect(message).toContain('(and more)');
  });
});

describe('an entry point that starts no app (DOTNET.md 1.6, 3 and 7)', () => {
  test.each<[string, Partial<ExecutionConfig>, string]>([
    ['nothing', {}, 'neither Entrypoint nor Cmd'],
    ['a program that is not there', { Cmd: ['serve'] }, '"serve"'],
    ['dotnet alone', { Cmd: ['dotnet'] }, 'dotnet is given no app'],
    [
      'dotnet --info, as base images have it',
      { Entrypoint: ['/usr/bin/dotnet'], Cmd: ['--info'] },
      '"--info" is no app',
    ],
    [
      'dotnet run',
      { Cmd: ['dotnet', 'run', '--project', 'x'] },
      '`dotnet run`, a command of the .NET SDK',
    ],
    ['dotnet watch', { Cmd: ['dotnet', 'watch'] }, '`dotnet watch`, a command'],
    ['dotnet test', { Cmd: ['dotnet', 'test'] }, '`dotnet test`, a command'],
    ['dotnet tool', { Cmd: ['dotnet', 'tool', 'run', 'x'] }, '`dotnet tool`, a command'],
    [
      'an assembly that is not there',
      { Cmd: ['dotnet', 'web.dll'], WorkingDir: '/srv' },
      '/srv/web.dll',
    ],
    ['a program that is not .NET', { Cmd: ['/usr/sbin/nginx'] }, 'without the marks of .NET'],
    ['a file that is no program', { Cmd: ['/app/app.runtimeconfig.json'] }, 'no ELF program'],
  ])('names the app that is there when it is %s', (_, config, shown) => {
    const image = {
      ...app,
      ...runtime({ core: ['8.0.4'], aspnet: ['8.0.4'] }),
      '/usr/sbin/nginx': buildElf({ needed: ['libc.so.6'] }),
    };
    const { code, message, hint } = failure(image, config);
    expect(code).toBe('APP_NOT_FOUND');
    expect(message).toContain(shown);
    expect(hint).toContain('ENTRYPOINT ["dotnet","/app/app.dll"]');
    if (config.Cmd !== undefined) {
      expect(message).toMatch(/the image has \/app\/app\.runtimeconfig\.json$/);
    }
  });

  test('says how to publish when the SDK is to build what was never published', () => {
    const { hint } = failure({ '/src/x.csproj': '' }, { Cmd: ['dotnet', 'run'] });
    expect(hint).toContain('RUN dotnet publish');
  });

  test('says that no app needs the SDK when the image is based on one', () => {
    const image = {
      ...app,
      ...runtime({ core: ['8.0.4'] }),
      '/usr/share/dotnet/sdk/8.0.100/dotnet.dll': '',
      '/usr/share/dotnet/sdk/8.0.204/dotnet.dll': '',
    };
    const { evidence } = describeImage(image, {
      Cmd: ['/usr/share/dotnet/dotnet', '/app/app.dll'],
    });
    expect(evidence).toContainEqual(
      expect.stringContaining('/usr/share/dotnet/sdk holds the .NET SDK 8.0.204'),
    );
  });
});

describe('an entry point for something else than .NET on Linux (DOTNET.md 7)', () => {
  const framework = buildAssembly({ targetFramework: '.NETFramework,Version=v4.8' });

  test.each<[string, ImageFiles, readonly string[], string, string]>([
    [
      'a Windows program',
      { '/app/app.exe': 'MZ and so on' },
      ['/app/app.exe'],
      'a Windows program',
      '-r linux-x64',
    ],
    ['a path of Windows', {}, ['C:\\app\\app.exe'], 'wanted an image for Linux', '-r linux-x64'],
    [
      'an app for the .NET Framework',
      { '/app/app.exe': framework },
      ['/app/app.exe'],
      '(.NETFramework,Version=v4.8)',
      'net10.0',
    ],
    [
      'one given to dotnet',
      { '/app/app.exe': framework },
      ['dotnet', '/app/app.exe'],
      'for the .NET Framework',
      'net10.0',
    ],
    [
      'one from before there was an attribute',
      { '/app/app.exe': buildAssembly({ references: ['mscorlib'] }) },
      ['/app/app.exe'],
      'for the .NET Framework',
      'net10.0',
    ],
    [
      'one given to Mono',
      { '/app/app.exe': framework },
      ['mono', '/app/app.exe'],
      'starts Mono',
      'net10.0',
    ],
    [
      'an assembly without dotnet',
      { '/app/x.exe': buildAssembly() },
      ['/app/x.exe'],
      'found an assembly',
      '["dotnet","/app/x.exe"]',
    ],
  ])('is refused with what to do when it is %s', (_, files, Cmd, shown, hint) => {
    const error = failure(files, { Cmd });
    expect(error.code).toBe('APP_INVALID');
    expect(error.message).toContain(shown);
    expect(error.hint).toContain(hint);
  });
});

describe('an apphost (DOTNET.md 1.1, 1.6)', () => {
  const own = {
    ...managed('app', { includedFrameworks: [core('10.0.3')] }),
    ...Object.fromEntries(
      ['libhostfxr.so', 'libhostpolicy.so', 'libcoreclr.so'].map((name) => [
        `/app/${name}`,
        buildElf(),
      ]),
    ),
    '/app/app': buildElf({ data: apphostData(0, 'app.dll') }),
  };

  test('with a runtime of its own is refused when it would take itself for dotnet', () => {
    expect(failure(own, { Cmd: ['/app/app'], WorkingDir: '/app' })).toMatchObject({
      code: 'APP_INVALID',
      message: expect.stringContaining('no app.deps.json beside the app'),
      hint: expect.stringContaining('--workdir /'),
    });
    expect(describeImage(own, { Cmd: ['/app/app'] }).kind).toBe('self-contained');
    const whole = { ...own, '/app/app.deps.json': '{}' };
    expect(describeImage(whole, { Cmd: ['/app/app'], WorkingDir: '/app' }).kind).toBe(
      'self-contained',
    );
  });

  test('tells where its project made it look for .NET', () => {
    const search = (flags: number, path: string) =>
      Buffer.concat([
        apphostData(0, '').subarray(0, 48),
        Buffer.alloc(8),
        Buffer.from([flags, 0]),
        Buffer.from(`${path}\0`),
        Buffer.alloc(512),
        Buffer.from('app.dll\0'),
      ]);
    const image = (data: Buffer) => ({
      ...app,
      '/app/app': buildElf({ data }),
      '/app/my/dotnet/dotnet': buildElf(),
    });
    const found = describeImage(image(search(2, './my/dotnet')), { Cmd: ['/app/app'] });
    expect(found.dotnetFolder).toBe('/app/my/dotnet');
    expect(found.evidence).toContain('/app/app looks for .NET in ./my/dotnet beside it');
    for (const data of [search(4, './my/dotnet'), search(0, '19ff3e9c'), search(2, '')]) {
      expect(describeImage(image(data), { Cmd: ['/app/app'] }).dotnetFolder).toBeUndefined();
    }
  });

  test('is bound to an assembly in another folder, as tools are', () => {
    const image = {
      '/tools/x': buildElf({ data: apphostData(0, '.store/x/1.0/app.dll') }),
      '/tools/.store/x/1.0/app.dll': 'MZ',
      '/tools/.store/x/1.0/app.runtimeconfig.json': app['/app/app.runtimeconfig.json'] ?? '',
      '/usr/bin/x': { link: '../../tools/x' },
    };
    expect(describeImage(image, { Cmd: ['x'] }).assembly).toBe('/tools/.store/x/1.0/app.dll');
  });
});

describe('a Native AOT program (DOTNET.md 1.3)', () => {
  test('is known by its texts when it has no section headers', () => {
    const whole = Buffer.from(
      buildElf({ data: Buffer.from('x System.Private.CoreLib x DOTNET_GCHeapCount') }),
    );
    whole.writeUInt16LE(0, 60);
    whole.writeUInt16LE(0, 62);
    whole.writeBigUInt64LE(0n, 40);
    const described = describeImage({ '/app/x': whole }, { Cmd: ['/app/x'] });
    expect(described.kind).toBe('native-aot');
    expect(described.evidence[1]).toContain('System.Private.CoreLib, DOTNET_');
  });
});
