import { describe, expect, test } from 'vitest';
import { core, describeImage, managed } from './image-builder.ts';

function appOf(Entrypoint: readonly string[], Env: readonly string[] = []) {
  const files = managed('app', { framework: core('10.0.0') });
  return describeImage(files, { Entrypoint: [...Entrypoint], Env: [...Env], WorkingDir: '/app' });
}

describe('programs that only start another', () => {
  test.each([
    ['gosu', 'app', 'dotnet', 'app.dll', 'x'],
    ['/usr/local/bin/gosu', 'app:app', 'dotnet', 'app.dll', 'x'],
    ['su-exec', '1654', 'dotnet', 'app.dll', 'x'],
    ['tini', '--', 'gosu', 'app', 'dotnet', 'app.dll', 'x'],
    ['/sbin/docker-init', '--', 'dotnet', 'app.dll', 'x'],
    ['env', 'dotnet', 'app.dll', 'x'],
    ['gosu', 'app', '/bin/sh', '-c', 'exec dotnet app.dll x'],
  ])('are taken off from %s %s %s %s', (...words) => {
    expect(appOf(words)).toMatchObject({ assembly: '/app/app.dll', args: ['x'] });
  });

  test('leave what env sets, over what the image does', () => {
    const { env } = appOf(['/usr/bin/env', 'A=1=2', 'B=', 'dotnet', 'app.dll'], ['A=0', 'C=3']);
    expect(Object.fromEntries(env)).toEqual({ A: '1=2', B: '', C: '3' });
  });

  test('are told of where they change the user', () => {
    expect(appOf(['gosu', 'app', 'dotnet', 'app.dll']).evidence).toContain(
      'gosu app is left out: OSv has no users to change to',
    );
  });

  test.each([
    [['gosu', 'app']],
    [['gosu', '--version']],
    [['env']],
    [['env', 'A=1']],
    [['env', '-i', 'dotnet', 'app.dll']],
    [['env', 'PATH=/opt', 'dotnet', 'app.dll']],
    [['/app/env', 'dotnet', 'app.dll']],
    [['tini', '--']],
  ])('are no app themselves: %j', (words) => {
    expect(() => appOf(words)).toThrow(/finding the app: the image starts "/);
  });
});

test('a missing assembly is named by a path with single slashes', () => {
  const image = { '/app/readme': 'x' };
  expect(() =>
    describeImage(image, { Entrypoint: ['dotnet', 'app.dll'], WorkingDir: '/' }),
  ).toThrow('there is no file "/app.dll"');
});
