import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
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

/** Writes the address of every module that is loaded, of either kind, to stderr, as `nodeArgs`. */
export const traceLoading = [
  '--import',
  `data:text/javascript,${encodeURIComponent(
    'import Module, { register } from "node:module"; import { pathToFileURL } from "node:url";' +
      'register("data:text/javascript,export async function load(url, context, next) { process._rawDebug(url); return next(url, context); }");' +
      'const load = Module._load; Module._load = function (...args) { const name = Module._resolveFilename(...args);' +
      'process._rawDebug(name.startsWith("/") ? pathToFileURL(name).href : "node:" + name.replace("node:", ""));' +
      'return load.apply(this, args); };',
  )}`,
];

/**
 * What `traceLoading` wrote, each once: modules of Node as `node:NAME`, and of every part of the bundle
 * the files that are in it, from the folder of package.json, such as `node_modules/undici/index.js`.
 */
export function loadedFiles(stderr: string): readonly string[] {
  const parts: Readonly<Record<string, readonly string[]>> = JSON.parse(
    readFileSync(join(top, 'dist/bundle.json'), 'utf8'),
  );
  const addresses = [...stderr.matchAll(/^(?:file|node):\S+$/gm)].map(([address]) => address);
  const files = addresses.flatMap((address) => {
    if (address.startsWith('node:')) return [address];
    const path = fileURLToPath(address);
    return parts[basename(path)] ?? [relative(top, path)];
  });
  return [...new Set(files)];
}

/** undici, or modules of Node that cost as much. `node:net` tells IPv4 from IPv6, and Node loads it for pipes. */
export function isOfNetwork(file: string): boolean {
  return /\/undici\/|^node:(https?|http2|tls)$/.test(file);
}

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
  const env = {
    ...process.env,
    // Certificates of the machine would add a tenth of a second to every start.
    NODE_EXTRA_CA_CERTS: undefined,
    // Each test builds for itself, unless it has a cache of its own.
    XDG_CACHE_HOME: '/dev/null',
    ...options.env,
  };
  const program = join(top, 'dist/bin/osv-convert.cjs');
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
