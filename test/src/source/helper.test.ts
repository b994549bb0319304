import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { askHelper, type Helper, storeWithHelper } from '../../../src/source/auth/helper.ts';
import { userCredentials } from '../../../src/source/auth/user.ts';
import { writeProgram } from '../../support/write-program.ts';

let home = '';
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'helper-test-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

const environment = () => ({ PATH: `${home}:/usr/bin:/bin`, REGISTRY_AUTH_FILE: join(home, 'a') });

async function install(script: string): Promise<Helper> {
  const program = join(home, 'docker-credential-own');
  writeProgram(program, `#!/bin/sh\n${script}\n`);
  return { name: 'own', file: 'config.json', env: environment() };
}

/** Both ends of pipes that keep this process running. */
const pipes = () => process.getActiveResourcesInfo().filter((name) => name === 'PipeWrap').length;

describe('askHelper', () => {
  test('lets go of a helper that is ended when what that started lives on', async () => {
    const before = pipes();
    const helper = await install(`sleep 600 & echo $! >"${home}/pid"; wait`);
    await expect(askHelper({ ...helper, limit: 1500 }, 'quay.io')).rejects.toThrowError(
      'no answer',
    );
    for (let turns = 0; pipes() > before && turns < 100; turns += 1) await turn();
    expect(pipes()).toBe(before);
    process.kill(Number(await readFile(join(home, 'pid'), 'utf8')), 'SIGKILL');
  });

  test('names the signal when a helper is ended by one', async () => {
    const helper = await install('kill -ABRT $$');
    await expect(askHelper(helper, 'quay.io')).rejects.toThrowError('found its end by SIGABRT');
  });

  test('says that nothing came when a helper prints nothing', async () => {
    const helper = await install('true');
    await expect(askHelper(helper, 'quay.io')).rejects.toThrowError('found an empty answer');
  });
});

test('storeWithHelper says what it did when the helper fails', async () => {
  const helper = await install('exit 3');
  const storing = storeWithHelper(helper, 'quay.io', 'me', 's3cret');
  await expect(storing).rejects.toMatchObject({
    message: expect.stringMatching(
      /^giving credentials to docker-credential-own: found exit code 3/,
    ),
    hint: 'install docker-credential-own, or take it out of config.json',
  });
});

test.each(['docker.io', 'index.docker.io', 'https://index.docker.io/v1/'])(
  'userCredentials asks the helper of Docker Hub when that is called %s',
  async (key) => {
    await install('printf \'{"Username":"me","Secret":"%s"}\' "$(cat)"');
    await writeFile(join(home, 'a'), JSON.stringify({ credHelpers: { [key]: 'own' } }));
    const found = await userCredentials({ env: environment(), home }).find('docker.io');
    expect(found).toMatchObject({ username: 'me', password: 'https://index.docker.io/v1/' });
  },
);
