import { spawn } from 'node:child_process';
import { ConvertError } from '../../error.ts';
import type { Credentials } from './credentials.ts';
import { hubKey } from './match.ts';

/** A helper may ask the user to unlock a key ring, but not for ever. */
const defaultLimit = 60_000;

/** Bytes of a helper's answer: cloud tokens have a few thousand. */
const outputCap = 256 * 1024;

export interface Helper {
  /** `docker-credential-NAME` without its prefix. */
  readonly name: string;
  /** The file that names it. */
  readonly file: string;
  readonly env: NodeJS.ProcessEnv;
  /** Milliseconds; a minute unless given. */
  readonly limit?: number;
}

type Verb = 'get' | 'store' | 'erase';

/** A helper and who named it, for people. */
export function shownHelper({ name, file }: Pick<Helper, 'name' | 'file'>): string {
  return `docker-credential-${name} (named in ${file})`;
}

/**
 * Asks a credential helper (docker-credential-helpers, "Development"); undefined where it has nothing.
 * What it prints is never shown: it may be a secret.
 * @throws ConvertError `CREDENTIALS_INVALID`, naming the helper and the file that names it.
 */
export async function askHelper(
  helper: Helper,
  registry: string,
): Promise<Credentials | undefined> {
  for (const server of registry === 'docker.io' ? [hubKey, registry] : [registry]) {
    const { failure, output } = await run(helper, 'get', server);
    if (failure === undefined) {
      const credentials = parseAnswer(helper, output, server);
      if (credentials !== undefined) return credentials;
    } else if (!/credentials not found/i.test(output)) {
      throw broken(helper, 'get', failure, server);
    }
  }
  return undefined;
}

/** Gives a helper something to keep. @throws ConvertError `CREDENTIALS_INVALID`. */
export async function storeWithHelper(
  helper: Helper,
  server: string,
  username: string,
  password: string,
): Promise<void> {
  const entry = { ServerURL: server, Username: username, Secret: password };
  const { failure } = await run(helper, 'store', JSON.stringify(entry));
  if (failure !== undefined) throw broken(helper, 'store', failure);
}

/** Makes a helper forget. @throws ConvertError `CREDENTIALS_INVALID`. */
export async function eraseWithHelper(helper: Helper, server: string): Promise<void> {
  const { failure, output } = await run(helper, 'erase', server);
  if (failure !== undefined && !/credentials not found/i.test(output)) {
    throw broken(helper, 'erase', failure, server);
  }
}

function parseAnswer(helper: Helper, output: string, server: string): Credentials | undefined {
  let answer: { readonly Username?: unknown; readonly Secret?: unknown } | null;
  try {
    answer = JSON.parse(output);
  } catch {
    const found = output.trim() === '' ? 'an empty answer' : 'an answer that is not JSON';
    throw broken(helper, 'get', found, server);
  }
  const username = answer?.Username;
  const password = answer?.Secret;
  if (typeof username !== 'string' || typeof password !== 'string') {
    throw broken(helper, 'get', 'an answer without Username and Secret', server);
  }
  if (password === '') return undefined;
  const origin = shownHelper(helper);
  return username === '<token>'
    ? { kind: 'identity-token', token: password, origin }
    : { kind: 'basic', username, password, origin };
}

interface Ended {
  /** How it ended, where it did not end well: `exit code 3`. */
  readonly failure: string | undefined;
  readonly output: string;
}

/** What is secret goes in by stdin: arguments can be seen by every user of the machine. */
async function run(helper: Helper, verb: Verb, input: string): Promise<Ended> {
  const { name, env, limit = defaultLimit } = helper;
  return await new Promise<Ended>((done, failed) => {
    const program = `docker-credential-${name}`;
    const child = spawn(program, [verb], { env, stdio: ['pipe', 'pipe', 'ignore'] });
    const chunks: Buffer[] = [];
    let size = 0;
    const stop = (found: string) => {
      child.kill('SIGKILL');
      // What it started may live on, and have its end of the pipes.
      child.stdin.destroy();
      child.stdout.destroy();
      failed(broken(helper, verb, found));
    };
    const timer = setTimeout(stop, limit, `no answer within ${limit / 1000} s`);
    child.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      const found = error.code === 'ENOENT' ? 'no such program on PATH' : 'it cannot start';
      failed(broken(helper, verb, found));
    });
    child.stdout.on('data', (chunk: Buffer) => {
      size += chunk.byteLength;
      if (size > outputCap) stop(`an answer of more than ${outputCap} bytes`);
      else chunks.push(chunk);
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      const end = signal === null ? `exit code ${code}` : `its end by ${signal}`;
      const failure = code === 0 ? undefined : end;
      done({ failure, output: Buffer.concat(chunks).toString('utf8') });
    });
    // A helper may end without having read what it was given.
    child.stdin.on('error', () => undefined).end(input);
  });
}

/** With a server, it can be asked by hand what it has to say of that. */
function broken({ name, file }: Helper, verb: Verb, found: string, server?: string): ConvertError {
  const program = `docker-credential-${name}`;
  const hint =
    server === undefined
      ? `install ${program}, or take it out of ${file}`
      : `see what it says: echo ${server} | ${program} ${verb}`;
  return new ConvertError(
    'CREDENTIALS_INVALID',
    `${actions[verb](program)}: found ${found}, wanted a working helper, as ${file} names it`,
    { hint },
  );
}

const actions = {
  get: (program: string) => `asking ${program} for credentials`,
  store: (program: string) => `giving credentials to ${program}`,
  erase: (program: string) => `having ${program} forget credentials`,
};
