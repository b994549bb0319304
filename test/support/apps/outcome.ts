import { spawn } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { HostApp } from './host-app.ts';

/** What an app did that somebody can see. */
export interface Outcome {
  /** Null for a server, which is ended from outside. */
  readonly code: number | null;
  /** What it printed, or answered where it is a server. */
  readonly output: string;
  /** What it said besides: not compared. */
  readonly talk: string;
}

export interface Start {
  readonly words: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Where it answers. */
  readonly url?: string;
}

/** Milliseconds in which an app ends, or answers. */
const patience = 60_000;

/** Starts a program and sees what it does. */
export async function outcomeOf({ words, env, cwd, url }: Start): Promise<Outcome> {
  const [command = '', ...rest] = words;
  const child = spawn(command, rest, { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  const timer = setTimeout(() => child.kill('SIGKILL'), patience);
  let output = '';
  let talk = '';
  let answer: Promise<string> | undefined;
  const listen = (text: string): void => {
    if (url === undefined || answer !== undefined || !text.includes('Now listening on')) return;
    answer = fetch(url)
      .then(async (response) => `${response.status} ${await response.text()}`)
      .catch((error: unknown) => `no answer: ${error}`)
      .finally(() => child.kill('SIGKILL'));
  };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    listen(output);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    talk += text;
    listen(talk);
  });
  const code = await new Promise<number | null>((done, failed) => {
    child.on('close', done).on('error', failed);
  }).finally(() => clearTimeout(timer));
  if (answer !== undefined) return { code: null, output: await answer, talk: output + talk };
  return { code, output, talk };
}

/** What an app does on this host, in its own folder; folders of the host read `/app`. */
export async function outcomeOnHost(app: HostApp, scratch: string): Promise<Outcome> {
  const { command, args = [], serves } = app;
  const folder = realpathSync(app.folder);
  const [program = '', ...rest] = command;
  const port = serves === undefined ? undefined : await freePort();
  const found = await outcomeOf({
    words: [program.startsWith('./') ? join(folder, program) : program, ...rest, ...args],
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: scratch,
      DOTNET_BUNDLE_EXTRACT_BASE_DIR: join(scratch, 'bundles'),
      ...app.env,
      ...(port !== undefined && { ASPNETCORE_HTTP_PORTS: `${port}` }),
    },
    cwd: folder,
    ...(port !== undefined && { url: `http://127.0.0.1:${port}${serves}` }),
  });
  return comparable(app, { ...found, output: found.output.replaceAll(folder, '/app') });
}

/** Without what is different in each run. */
export function comparable({ varies }: Pick<HostApp, 'varies'>, outcome: Outcome): Outcome {
  return varies === undefined
    ? outcome
    : { ...outcome, output: outcome.output.replace(varies, '…') };
}

/** A port of loopback that nothing listens on. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  return typeof address === 'object' && address !== null ? address.port : 0;
}
