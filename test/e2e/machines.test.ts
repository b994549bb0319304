import { readdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createValidator } from '../../schemas/index.ts';
import type { MachineState } from '../../src/machines/state.ts';
import { openStore } from '../../store/index.ts';
import { bootSectorDisk } from '../support/boot-sector.ts';
import { type CliOptions, type CliResult, runCli } from '../support/cli.ts';
import { findProgram } from '../support/docker-registry.ts';
import { helloImage } from '../support/hello-image.ts';
import { copyRealKernel, findRealKernel } from '../support/kernels.ts';
import { processesIn } from '../support/processes-in.ts';
import { startRegistry } from '../support/registry/registry.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const hasQemu = findProgram('qemu-system-x86_64') !== undefined;
if (!hasQemu) console.log('skipped: machines, for QEMU is not installed');

const folder = temporaryFolder('machines');
let stays: string;
let ends: string;

const root = (): string => join(folder, 'machines');

async function cli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const all = [...args, '--root', root(), '--store', join(folder, 'store')];
  return await runCli(all, options);
}

/** Runs a command that is to succeed. @returns what it printed. */
async function done(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await cli(args);
  expect(code, `${args.join(' ')}: ${stderr}`).toBe(0);
  return stdout;
}

async function valid<T>(schema: string, text: string): Promise<T> {
  const value: T = JSON.parse(text);
  expect((await createValidator(schema))(value)).toBeUndefined();
  return value;
}

async function machines(): Promise<readonly MachineState[]> {
  const text = await done('list', '--json');
  return (await valid<{ machines: MachineState[] }>('machines', text)).machines;
}

/** Nothing of any machine is left: no process, no file. */
async function expectNothing(): Promise<void> {
  await expect.poll(() => processesIn(folder), { timeout: 30_000 }).toEqual([]);
  expect(await readdir(root())).toEqual([]);
}

beforeAll(async () => {
  stays = join(folder, 'stays.raw');
  ends = join(folder, 'ends.raw');
  await writeFile(stays, bootSectorDisk('first\r\nsecond\r\n', 'stay'));
  await writeFile(ends, bootSectorDisk('program /app/x returned 7\r\n', 'power-off'));
});

afterEach(async () => {
  for (const { id } of await machines()) await done('delete', '--force', id);
});

const small = ['--memory', '64M', '--accel', 'tcg', '-p', '0:80'];

describe.skipIf(!hasQemu)('machines', () => {
  it('live side by side, twenty of them, and leave no process, port or file behind', async () => {
    const ids = Array.from({ length: 20 }, (_, at) => `m${String(at).padStart(2, '0')}`);
    const each = (work: (id: string) => Promise<unknown>) => Promise.all(ids.map(work));
    await each((id) => done('create', id, stays, ...small));
    await each((id) => done('start', id, '--wait-line', 'second'));
    const listed = await machines();
    expect(listed.map(({ id, status }) => `${id} ${status}`)).toEqual(
      ids.map((id) => `${id} running`),
    );
    expect(await done('list', '-q')).toBe(ids.map((id) => `${id}\n`).join(''));
    const ports = listed.map(portOf);
    expect(new Set(ports).size).toBe(ids.length);
    expect(await Promise.all(ports.map(isOpen))).toEqual(ids.map(() => true));
    expect(await each((id) => done('logs', id))).toEqual(ids.map(() => 'first\r\nsecond\r\n'));
    await each((id) => done('kill', id, Number(id.slice(1)) % 2 === 0 ? 'TERM' : 'KILL'));
    await each(async (id) => {
      const { code, stdout } = await cli(['wait', id]);
      expect([code, stdout]).toEqual([12, expect.stringMatching(/killed \(SIG(TERM|KILL)\)/)]);
    });
    await each((id) => done('delete', id));
    expect(await Promise.all(ports.map(isOpen))).toEqual(ids.map(() => false));
    await expectNothing();
  }, 300_000);

  it('are told of in JSON and in words', async () => {
    const { pid } = await valid<MachineState>(
      'state',
      await done('create', 'a', stays, ...small, '--annotation', 'x=y', '--json'),
    );
    const state = await valid<MachineState>('state', await done('state', 'a'));
    expect(state).toMatchObject({ id: 'a', status: 'created', pid, annotations: { x: 'y' } });
    await valid('state', await done('start', 'a', '--json'));
    expect(await done('list')).toMatch(/^a +running +\d+ .* 127\.0\.0\.1:\d+->80\/tcp /m);
    await valid('kill', await done('kill', 'a', '--json'));
    await valid('machine-end', (await cli(['wait', 'a', '--json'])).stdout);
    expect(await done('list')).toMatch(/^a +stopped +- .* killed \(SIGTERM\)$/m);
    await valid('machine-end', await done('stop', 'a', '--json'));
    await valid('delete', await done('delete', 'a', '--json'));
    await expectNothing();
  });

  it('give the exit code of their program to wait, and their console to logs', async () => {
    await done('create', 'a', ends, ...small);
    const late = await cli(['wait', 'a', '--timeout', '0.01']);
    expect([late.code, late.stderr]).toEqual([12, expect.stringContaining('MACHINE_TIMED_OUT')]);
    const log = cli(['logs', '--follow', 'a']);
    const wait = cli(['wait', 'a']);
    await done('start', 'a');
    expect(await log).toMatchObject({ code: 0, stdout: 'program /app/x returned 7\r\n' });
    expect(await wait).toMatchObject({ code: 7, stdout: 'a powered off (exit code 7)\n' });
  });

  it('refuse what the spec forbids, with codes and the next command', async () => {
    const refusal = async (...args: string[]) => {
      const { code, stderr } = await cli(args);
      return [code, stderr.trim().replace(/\n +/g, ' | ')];
    };
    expect(await refusal('state', 'a')).toEqual([
      3,
      expect.stringContaining('(MACHINE_NOT_FOUND)'),
    ]);
    await done('create', 'a', stays, ...small);
    expect(await refusal('create', 'a', stays)).toEqual([
      12,
      `osv-convert: creating machine a: found one of this name, wanted a name that is free (MACHINE_EXISTS) | try: osv-convert delete a --root ${root()}`,
    ]);
    await done('start', 'a');
    expect(await refusal('start', 'a')).toEqual([
      12,
      `osv-convert: starting machine a: found it running, wanted it created (MACHINE_STATE) | try: osv-convert stop a --root ${root()}`,
    ]);
    expect(await refusal('delete', 'a')).toEqual([12, expect.stringContaining('MACHINE_STATE')]);
    expect(await done('stop', 'a')).toBe('a killed (SIGTERM)\n');
    expect(await refusal('kill', 'a')).toEqual([12, expect.stringContaining('MACHINE_STATE')]);
    for (const args of [
      ['state', '../a'],
      ['kill', 'a', 'NONE'],
      ['logs', 'a', '--tail', 'x'],
      ['stop', 'a', '--time', '-1'],
      ['create', 'b', stays, '--hook', 'x'],
      ['create', 'b', stays, '--hooks', join(folder, 'none')],
      ['create', 'b', stays, '--annotation', '=x'],
    ])
      expect(await refusal(...args)).toEqual([2, expect.stringContaining('(USAGE)')]);
  });

  it('run hooks, and are gone when one fails', async () => {
    const hook = ['--hook', 'prestart=/bin/sh,-c,echo no >&2; exit 1'];
    const { code, stderr } = await cli(['create', 'a', stays, ...small, ...hook]);
    expect([code, stderr]).toEqual([12, expect.stringContaining('exit code 1: no')]);
    await expectNothing();
  });

  it('survive a tool that is killed (SIGKILL), whenever it is, and can be removed', async () => {
    const random = seededRandom(7);
    const killed = async (longest: number, ...args: string[]): Promise<void> => {
      const signal = AbortSignal.timeout(Math.ceil(random() * longest));
      await cli(args, { signal, killSignal: 'SIGKILL' });
    };
    const begin = performance.now();
    await done('create', 'whole', stays, ...small);
    const length = performance.now() - begin;
    await done('delete', '--force', 'whole');
    for (let round = 0; round < 8; round += 1) {
      const id = `k${round}`;
      await killed(length * 1.2, 'create', id, stays, ...small);
      const [found] = await machines();
      if (found === undefined) await expectOnlyDrafts();
      else if (found.status === 'created') {
        await killed(length, 'start', id);
        const { status } = await valid<MachineState>('state', await done('state', id));
        if (status === 'created') await done('start', id);
        expect((await machines())[0]?.status).toBe('running');
        await killed(length, 'delete', '--force', id);
      } else expect(found.status).toBe('stopped');
      for (const rest of await machines()) await done('delete', '--force', rest.id);
    }
    await done('create', 'whole', stays, ...small);
    await done('delete', '--force', 'whole');
    await expectNothing();
  });

  it('run a real OSv, from a disk and straight from an image', async (context) => {
    const real = await findRealKernel();
    // A real kernel is no part of the repository: the probe stands for it in the tests above.
    if (real === undefined) {
      console.log('skipped: machines of real OSv, for the default store has no such kernel');
      context.skip('the default store has no real kernel');
    }
    await copyRealKernel(await openStore(join(folder, 'store')));
    const kernel = ['--kernel', real?.kernel.name ?? '', '--memory', '256M', '--accel', 'tcg'];
    const disk = bootSectorDisk('', 'stay');
    disk.write('--rootfs=ramfs --power-off-on-abort --env=SECRET=x /nothing\0', 512);
    const path = join(folder, 'osv.raw');
    await writeFile(path, disk);
    await done('create', 'osv', path, ...kernel);
    await done('start', 'osv');
    const { code, stdout } = await cli(['wait', 'osv']);
    expect([code, stdout]).toEqual([
      12,
      expect.stringContaining('Failed to load object: /nothing'),
    ]);
    expect(await done('logs', '--tail', '1', 'osv')).toContain('Powering off.');

    const registry = await startRegistry({ images: { 'hello:1.0': await helloImage() } });
    try {
      const reference = `${registry.host}/hello:1.0`;
      const state = await valid<MachineState>(
        'state',
        await done('create', 'hello', reference, ...kernel, '--env', 'GREETING=hi', '--json'),
      );
      expect(state.annotations).toMatchObject({
        'osv-convert.source': reference,
        'osv-convert.image': expect.stringMatching(/^sha256:/),
      });
      await done('start', 'hello');
      expect(await done('logs', '--follow', 'hello')).toContain('GREETING=hi');
      expect(await done('wait', 'hello')).toContain('hello powered off');
    } finally {
      await registry.close();
    }
  }, 300_000);
});

/** Of a creation that was cut off before its machine had a name. */
async function expectOnlyDrafts(): Promise<void> {
  const names = await readdir(root()).catch(() => []);
  expect(names.filter((name) => !name.startsWith('.'))).toEqual([]);
}

function portOf({ annotations }: MachineState): number {
  return Number(/:(\d+)->80/.exec(annotations['osv-convert.ports'] ?? '')?.[1]);
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true)).on('error', () =>
      resolve(false),
    );
    socket.once('connect', () => socket.destroy());
  });
}
