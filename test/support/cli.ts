import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { top } from './top.ts';

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly nodeArgs?: readonly string[];
  readonly cwd?: string;
  /** A program that runs another, with its arguments before those of the other. */
  readonly through?: readonly string[];
  /** All of its stdin. */
  readonly input?: string;
  readonly signal?: AbortSignal;
  /** What the process is sent when `signal` aborts; SIGINT unless given. */
  readonly killSignal?: NodeJS.Signals;
  /** Called with everything printed on stdout so far. */
  readonly onStdout?: (text: string) => void;
}

/** Writes the address of every module that is loaded to stderr, as `nodeArgs`. */
export const traceLoading = [
  '--import',
  `data:text/javascript,${encodeURIComponent(
    'import { register } from "node:module";' +
      'register("data:text/javascript,export async function load(url, context, next) { process._rawDebug(url); return next(url, context); }");',
  )}`,
];

/** Writes `connects to HOST:PORT` to stderr at each connection it begins, as `nodeArgs`. */
export const traceConnections = [
  '--import',
  `data:text/javascript,${encodeURIComponent(
    'import { Socket } from "node:net"; const { connect } = Socket.prototype;' +
      'Socket.prototype.connect = function (...args) { const { host, port } = args.flat()[0];' +
      'process._rawDebug("connects to", host + ":" + port); return connect.apply(this, args); };',
  )}`,
];

/** The hosts in what `traceConnections` wrote, each once, in their order. */
export function connectionsIn(stderr: string): readonly string[] {
  const found = [...stderr.matchAll(/^connects to (\S+)$/gm)];
  return [...new Set(found.map(([, host = '']) => host))];
}

/** Runs the built command line tool, as a user's shell would. */
export async function runCli(
  args: readonly string[],
  options: CliOptions = {},
): Promise<CliResult> {
  // Certificates of the machine would add a tenth of a second to every start.
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: undefined, ...options.env };
  const program = join(top, 'dist/src/cli/main.js');
  const words = [process.execPath, ...(options.nodeArgs ?? []), '--', program, ...args];
  const [command = '', ...rest] = [...(options.through ?? []), ...words];
  const child = spawn(command, rest, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env,
    ...(options.cwd !== undefined && { cwd: options.cwd }),
  });
  child.stdin.on('error', () => undefined).end(options.input ?? '');
  options.signal?.addEventListener('abort', () => child.kill(options.killSignal ?? 'SIGINT'), {
    once: true,
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    options.onStdout?.(stdout);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const code = await new Promise<number | null>((done, failed) => {
    child.on('close', done).on('error', failed);
  });
  return { code, stdout, stderr };
}
