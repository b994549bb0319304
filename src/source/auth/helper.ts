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
    const { code, output } = await run(helper, 'get', server);
    if (code === 0) {
      const credentials = parseAnswer(helper, output, server);
      if (credentials !== undefined) return credentials;
    } else if (!/credentials not found/i.test(output)) {
      throw broken(helper, `exit code ${code}`, server);
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
  const { code } = await run(helper, 'store', JSON.stringify(entry));
  if (code !== 0) throw broken(helper, `exit code ${code}`, server);
}

/** Makes a helper forget. @throws ConvertError `CREDENTIALS_INVALID`. */
export async function eraseWithHelper(helper: Helper, server: string): Promise<void> {
  const { code, output } = await run(helper, 'erase', server);
  if (code !== 0 && !/credentials not found/i.test(output)) {
    throw broken(helper, `exit code ${code}`, server);
  }
}

function parseAnswer(helper: Helper, output: string, server: string): Credentials | undefined {
  let answer: { readonly Username?: unknown; readonly Secret?: unknown } | null;
  try {
    answer = JSON.parse(output);
  } catch {
    throw broken(helper, 'an answer that is not JSON', server);
  }
  const username = answer?.Username;
  const password = answer?.Secret;
  if (typeof username !== 'string' || typeof password !== 'string') {
    throw broken(helper, 'an answer without Username and Secret', server);
  }
  if (password === '') return undefined;
  const origin = shownHelper(helper);
  return username === '<token>'
    ? { kind: 'identity-token', token: password, origin }
    : { kind: 'basic', username, password, origin };
}

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** What is secret goes in by stdin: arguments can be seen by every user of the machine. */
async function run(helper: Helper, verb: string, input: string): Promise<Ended> {
  const { name, env, limit = defaultLimit } = helper;
  return await new Promise<Ended>((done, failed) => {
    const program = `docker-credential-${name}`;
    const child = spawn(program, [verb], { env, stdio: ['pipe', 'pipe', 'ignore'] });
    const chunks: Buffer[] = [];
    let size = 0;
    const stop = (found: string) => {
      child.kill('SIGKILL');
      failed(broken(helper, found));
    };
    const timer = setTimeout(stop, limit, `no answer within ${limit / 1000} s`);
    child.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      failed(
        broken(helper, error.code === 'ENOENT' ? 'no such program on PATH' : 'it cannot start'),
      );
    });
    child.stdout.on('data', (chunk: Buffer) => {
      size += chunk.byteLength;
      if (size > outputCap) stop(`an answer of more than ${outputCap} bytes`);
      else chunks.push(chunk);
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      done({ code, output: Buffer.concat(chunks).toString('utf8') });
    });
    // A helper may end without having read what it was given.
    child.stdin.on('error', () => undefined).end(input);
  });
}

function broken({ name, file }: Helper, found: string, server?: string): ConvertError {
  const program = `docker-credential-${name}`;
  return new ConvertError(
    'CREDENTIALS_INVALID',
    `asking ${program} for credentials: found ${found}, wanted a working helper, as ${file} names it`,
    {
      hint:
        server === undefined
          ? `install ${program}, or take it out of ${file}`
          : `see what it says: echo ${server} | ${program} get`,
    },
  );
}
