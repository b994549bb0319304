import type { Command } from 'commander';
import { ConvertError } from '../error.ts';
import { parseFolder } from './folder-option.ts';
import { addGlobalOptions, globalOptionsOf } from './globals.ts';

interface LoginOptions {
  readonly username?: string;
  readonly passwordStdin?: boolean;
  readonly certDir?: string;
  readonly plainHttp?: boolean;
}

export function defineLogin(command: Command): void {
  command
    .description(
      'Verifies user name and password with a registry and keeps them where docker and podman find them too: with the credential helper of the auth file, else in it (REGISTRY_AUTH_FILE or ~/.docker/config.json).',
    )
    .argument('<host>', 'a registry, such as quay.io or localhost:5000; docker.io for Docker Hub')
    .option('-u, --username <name>', 'user name (asked for on a terminal)')
    .option('--password-stdin', 'read the password from stdin (asked for on a terminal)')
    .option('--cert-dir <dir>', "CA and client certificates, as in docker's certs.d", parseFolder)
    .option('--plain-http', 'talk plain HTTP to the registry (the default on loopback)')
    .option('--no-plain-http', 'talk HTTPS to the registry, also on loopback');
  addGlobalOptions(command.addHelpText('after', examples)).action(loginCommand);
}

const examples = `
Examples:
  osv-convert login quay.io
  osv-convert login registry.example -u robot --password-stdin < password`;

async function loginCommand(host: string, options: LoginOptions, command: Command): Promise<void> {
  const { parseRegistry } = await import('../source/registry/registry-name.ts');
  const { verifyCredentials } = await import('../source/registry/verify.ts');
  const { keepCredentials } = await import('../source/auth/keep.ts');
  const { userCredentials } = await import('../source/auth/user.ts');
  const { writeStdout } = await import('./stdout.ts');
  const { plainHttp, certDir } = options;
  const registry = parseRegistry(host);
  const { username, password } = await askFor(registry, options);
  const verified = await verifyCredentials(
    registry,
    { kind: 'basic', username, password, origin: 'this login' },
    {
      ...(plainHttp !== undefined && { plainHttp }),
      ...(certDir !== undefined && { tls: { certDir } }),
    },
  );
  const keptIn = await keepCredentials(registry, { username, password });
  // Podman's files come before docker's, in which a login is kept.
  const used = (await userCredentials().find(registry))?.origin;
  const notes = [
    ...(verified ? [] : ['the registry wanted no password, so it is not verified']),
    ...(used === keptIn ? [] : [`it is not used: ${used} comes first`]),
  ];
  await writeStdout(
    globalOptionsOf(command, process.env).json
      ? `${JSON.stringify({ registry, username, verified, keptIn, used }, undefined, 2)}\n`
      : `logged in to ${registry} as ${username}, kept in ${[keptIn, ...notes].join('; ')}\n`,
  );
}

/** There is no option for the password itself: arguments can be seen by every user of the machine. */
async function askFor(registry: string, options: LoginOptions) {
  const { prompt, readSecret } = await import('./prompt.ts');
  const { passwordStdin = false } = options;
  const isTerminal = process.stdin.isTTY === true;
  if ((!isTerminal && !passwordStdin) || (passwordStdin && options.username === undefined)) {
    throw new ConvertError(
      'USAGE',
      `logging in to ${registry}: found no terminal to ask for user name and password, wanted -u and --password-stdin`,
      { hint: `osv-convert login ${registry} -u NAME --password-stdin < FILE` },
    );
  }
  const username = options.username ?? (await prompt('User name: ', { hidden: false }));
  const password = passwordStdin
    ? await readSecret()
    : await prompt(`Password of ${username}: `, { hidden: true });
  if (username === '' || username.includes(':') || password === '') {
    throw new ConvertError(
      'USAGE',
      `logging in to ${registry}: found ${password === '' ? 'no password' : `the user name ${JSON.stringify(username)}`}, wanted a user name without ":" and a password`,
    );
  }
  return { username, password };
}
