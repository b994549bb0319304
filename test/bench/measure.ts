import { spawnSync } from 'node:child_process';

/** What one run of one command took. */
export interface Measured {
  /** Seconds from its start to its end. */
  readonly wall: number;
  /** Seconds of processors, with all children it waited for. */
  readonly cpu: number;
  /** Bytes: the most that were resident, in the largest of its processes. */
  readonly memory: number;
}

export type Quantity = keyof Measured;

/** Node has no wait4(2), and what /usr/bin/time prints is in hundredths of a second. */
const waiter = `
import json, os, sys, time
env = json.loads(os.environ["MEASURED_ENV"])
started = time.monotonic()
pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], env)
_, status, usage = os.wait4(pid, 0)
wall = time.monotonic() - started
with os.fdopen(3, "w") as answer:
    json.dump({
        "code": os.waitstatus_to_exitcode(status),
        "wall": wall,
        "cpu": usage.ru_utime + usage.ru_stime,
        "memory": usage.ru_maxrss * 1024,
    }, answer)
`;

/**
 * Runs a command to its end, what it prints thrown away.
 * @throws Error when it fails, with what it said on stderr.
 */
export function measure(command: readonly string[], env: NodeJS.ProcessEnv): Measured {
  const { output, error } = spawnSync('python3', ['-c', waiter, ...command], {
    env: { ...process.env, MEASURED_ENV: JSON.stringify(env) },
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  const [talk, answer] = [output?.[2] ?? '', output?.[3] ?? ''];
  if (error !== undefined || answer === '') {
    throw new Error(`measuring ${command.join(' ')}: ${error?.message ?? talk}`);
  }
  const { code, ...measured }: Measured & { code: number } = JSON.parse(answer);
  if (code !== 0) throw new Error(`measuring ${command.join(' ')}: it ended with ${code}: ${talk}`);
  return measured;
}
