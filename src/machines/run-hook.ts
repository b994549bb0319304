import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { ConvertError } from '../error.ts';
import type { Hook, HookPoint, Hooks } from './hooks.ts';
import { killGroup } from './kill-group.ts';
import type { MachineState } from './state.ts';

/** Of what a hook says that is quoted when it fails. */
const talkCap = 1000;

/**
 * Runs hooks one after the other, each with the state of the machine on its stdin. No shell sees a word of
 * them. One that outlives its timeout is killed, with all it started.
 * @throws ConvertError `HOOK_FAILED` at the first that fails.
 */
export async function runHooks(
  point: HookPoint,
  hooks: readonly Hook[] | undefined,
  state: MachineState,
): Promise<void> {
  for (const hook of hooks ?? []) {
    const found = await run(hook, `${JSON.stringify(state)}\n`);
    if (found === undefined) continue;
    throw new ConvertError(
      'HOOK_FAILED',
      `running the ${point} hook ${hook.path} of ${state.id}: found ${found}, wanted exit code 0`,
    );
  }
}

/** Those of a machine that was removed: one that fails is warned of, and the next runs (runtime.md, step 13). */
export async function runPoststop(
  { poststop }: Hooks,
  state: MachineState,
  onWarning: (text: string) => void,
): Promise<void> {
  for (const hook of poststop ?? []) {
    await runHooks('poststop', [hook], state).catch((error: unknown) =>
      onWarning(error instanceof Error ? error.message : String(error)),
    );
  }
}

/** What went wrong, or undefined. */
function run(
  { path, args = [path], env = [], timeout }: Hook,
  input: string,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn(path, args.slice(1), {
      ...(args[0] !== undefined && { argv0: args[0] }),
      env: Object.fromEntries(env.map(variable)),
      // A process group of its own, so that all of it can be killed.
      detached: true,
      stdio: ['pipe', 'ignore', 'pipe'],
    });
    let late = false;
    const kill = (): void => {
      late = true;
      if (child.pid !== undefined) killGroup(child.pid);
    };
    const patience = timeout === undefined ? undefined : setTimeout(kill, timeout * 1000);
    const talk = tailOf(child.stderr);
    const done = (found?: string): void => {
      clearTimeout(patience);
      // What it left behind may hold its stderr open.
      child.stderr.destroy();
      resolve(found);
    };
    // It need not read the state.
    child.stdin.on('error', () => undefined).end(input);
    child.once('error', (cause) => done(cause.message));
    child.once('exit', (code, signal) => {
      if (late) done(`it still running after ${timeout} s`);
      else if (code === 0) done();
      else
        setImmediate(() =>
          done([signal ?? `exit code ${code}`, talk()].filter(Boolean).join(': ')),
        );
    });
  });
}

function variable(text: string): readonly [string, string] {
  const at = text.indexOf('=');
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

function tailOf(stream: Readable): () => string {
  let tail = '';
  stream.setEncoding('utf8').on('data', (text: string) => {
    tail = (tail + text).slice(-talkCap);
  });
  return () => tail.trim();
}
