import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { joinHooks, parseHooks, parseHookWord } from '../../../src/machines/hooks.ts';
import { parseMachineId } from '../../../src/machines/machine-id.ts';
import { runHooks, runPoststop } from '../../../src/machines/run-hook.ts';
import type { MachineState } from '../../../src/machines/state.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'osv-convert-hooks-'));
});

afterEach(() => rm(folder, { recursive: true }));

const state: MachineState = {
  ociVersion: '1.3.0',
  id: parseMachineId('web'),
  status: 'creating',
  pid: 7,
  bundle: '/machines/web',
  annotations: {},
};

function shell(script: string, more: object = {}) {
  return { path: '/bin/sh', args: ['sh', '-c', script], ...more };
}

describe('parseHooks', () => {
  it('reads the hooks of a config.json and those that stand alone', async () => {
    const hooks = {
      prestart: [{ path: '/bin/true', args: ['true', 'a'], env: ['A=b'], timeout: 3 }],
    };
    const whole = { ociVersion: '1.3.0', process: {}, hooks };
    expect(await parseHooks(JSON.stringify(whole), 'config.json')).toEqual(hooks);
    expect(await parseHooks(JSON.stringify(hooks), 'hooks.json')).toEqual(hooks);
  });

  it.each([
    'no json',
    '{"hooks": []}',
    '{"hooks": {"prestart": [{"path": "bin/true"}]}}',
    '{"hooks": {"prestart": [{"path": "/bin/true", "timeout": 0}]}}',
    '{"hooks": {"prestart": [{"path": "/bin/true", "args": []}]}}',
    '{"hooks": {"startContainer": [{"path": "/bin/true"}]}}',
  ])('refuses %s', async (text) => {
    const usage = expect.objectContaining({ code: 'USAGE' });
    await expect(parseHooks(text, 'config.json')).rejects.toEqual(usage);
  });
});

describe('parseHookWord', () => {
  it('reads a point, a program and its arguments, to be joined with others', () => {
    const one = parseHookWord('poststop=/bin/echo,a b,');
    const hook = { path: '/bin/echo', args: ['/bin/echo', 'a b', ''] };
    expect(one).toEqual({ poststop: [hook] });
    expect(joinHooks([one, {}, one])).toEqual({ poststop: [hook, hook] });
  });

  it.each([
    '',
    'poststop',
    'poststop=',
    'poststop=echo',
    'startContainer=/bin/echo',
    'x=/bin/echo',
  ])('refuses %j', (word) => {
    expect(() => parseHookWord(word)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });
});

describe('runHooks', () => {
  it('gives each hook the state, its own name and its environment, and no other, in their order', async () => {
    const told = join(folder, 'told');
    const script = `{ cat; echo "$0 $1"; /usr/bin/env | grep -v -e ^PWD= -e ^_= -e ^SHLVL= -e ^OLDPWD=; } >>${told}`;
    const hook = { path: '/bin/sh', args: ['sh', '-c', script, 'me', '$(x)'], env: ['A=b=c'] };
    await runHooks('prestart', [hook, shell(`echo second >>${told}`)], state);
    const [first = '', ...rest] = (await readFile(told, 'utf8')).trim().split('\n');
    expect(JSON.parse(first)).toEqual(state);
    expect(rest).toEqual(['me $(x)', 'A=b=c', 'second']);
  });

  it('stops at the first that fails, with what it said', async () => {
    const told = join(folder, 'told');
    const hooks = [shell('echo why >&2; exit 3'), shell(`echo second >${told}`)];
    await expect(runHooks('createRuntime', hooks, state)).rejects.toEqual(
      expect.objectContaining({
        code: 'HOOK_FAILED',
        message:
          'running the createRuntime hook /bin/sh of web: found exit code 3: why, wanted exit code 0',
      }),
    );
    await expect(readFile(told)).rejects.toThrow();
  });

  it('fails when there is no such program', async () => {
    const failed = expect.objectContaining({ code: 'HOOK_FAILED' });
    await expect(runHooks('prestart', [{ path: '/no/such' }], state)).rejects.toEqual(failed);
  });

  it('kills a hook that outlives its timeout, with all it started', async () => {
    const pid = join(folder, 'pid');
    const late = shell(`sleep 600 & echo $! >${pid}; wait`, { timeout: 1 });
    await expect(runHooks('prestart', [late], state)).rejects.toThrow('still running after 1 s');
    const child = Number(await readFile(pid, 'utf8'));
    await expect.poll(() => isRunning(child), { timeout: 10_000 }).toBe(false);
  });

  it('does not wait for what a hook leaves behind', async () => {
    const pid = join(folder, 'pid');
    await runHooks('prestart', [shell(`sleep 600 & echo $! >${pid}`)], state);
    process.kill(Number(await readFile(pid, 'utf8')), 'SIGKILL');
  });
});

describe('runPoststop', () => {
  it('warns of hooks that fail and goes on', async () => {
    const warnings: string[] = [];
    const told = join(folder, 'told');
    const poststop = [shell('exit 1'), shell(`cat >${told}`)];
    await runPoststop({ poststop }, state, (text) => warnings.push(text));
    expect(warnings).toEqual([
      expect.stringContaining('poststop hook /bin/sh of web: found exit code 1'),
    ]);
    expect(JSON.parse(await readFile(told, 'utf8'))).toEqual(state);
  });
});

/** A zombie is none. */
async function isRunning(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => 'x) Z');
  return !/\) Z/.test(stat);
}
