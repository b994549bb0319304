import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HostApp } from './host-app.ts';

/** Versions whose contents are known (all are on the npm registry). */
const packages: Readonly<Record<string, string>> = {
  'nerdbank-gitversioning': '3.10.94',
  '@autorest/csharp': '3.0.0-beta.20251203.1',
  nswag: '14.7.1',
  '@azure/mcp-linux-x64': '2.0.5',
  '@microsoft/fabric-mcp-linux-x64': '1.0.0',
  '@microsoft/sarif-multitool-linux': '5.7.0',
};

interface NpmApp extends Omit<HostApp, 'folder'> {
  readonly from: string;
  /** The folder of the package that is the app. */
  readonly inside: string;
}

/** What is ASP.NET Core has its home in the root, where nothing can be written, unless the image says otherwise. */
const writesHome = { HOME: '/tmp' };

/** Some of them print the time they took. */
const duration = /Duration: [\d:.]+|"duration": \d+/;

/** .NET apps that people publish on npm, each doing something that needs no network. */
const npmApps: readonly NpmApp[] = [
  {
    name: 'nbgv',
    from: 'nerdbank-gitversioning',
    inside: 'nbgv.cli/tools/net10.0/any',
    command: ['dotnet', 'nbgv.dll'],
    args: ['get-version', '--project', '.'],
    // Reads the repository with the native libgit2.
    env: { NBGV_GitEngine: 'LibGit2' },
  },
  {
    name: 'autorest',
    from: '@autorest/csharp',
    inside: '.',
    command: ['dotnet', 'AutoRest.CSharp.dll'],
    args: ['--version'],
    // It wants .NET 9, and no later major version unless told so.
    env: { DOTNET_ROLL_FORWARD: 'Major' },
  },
  {
    name: 'nswag',
    from: 'nswag',
    inside: 'bin/binaries/Net100',
    command: ['dotnet', 'dotnet-nswag.dll'],
    args: ['version'],
    varies: duration,
  },
  {
    name: 'azmcp',
    from: '@azure/mcp-linux-x64',
    inside: 'dist',
    command: ['./azmcp'],
    args: ['tools', 'list', '--namespace-mode'],
    env: writesHome,
    varies: duration,
  },
  {
    name: 'sarif',
    from: '@microsoft/sarif-multitool-linux',
    inside: '.',
    command: ['./Sarif.Multitool'],
    args: ['help', 'validate'],
  },
  {
    name: 'fabric',
    from: '@microsoft/fabric-mcp-linux-x64',
    inside: 'dist',
    command: ['./fabmcp'],
    args: ['tools', 'list'],
    env: writesHome,
    varies: duration,
  },
];

/** Fetches the apps with npm to `folder`, or takes them from there. */
export function fetchNpmApps(folder: string): readonly HostApp[] {
  const specs = Object.entries(packages).map(([name, version]) => `${name}@${version}`);
  const isThere = Object.keys(packages).every((name) =>
    existsSync(join(folder, 'node_modules', name)),
  );
  if (!isThere) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{"private":true}\n');
    const quiet = ['--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
    // Some of them say they are for one system or processor only.
    execFileSync('npm', ['install', '--force', ...quiet, ...specs], { cwd: folder });
  }
  return npmApps.map(({ from, inside, ...app }) => {
    const place = join(folder, 'apps', app.name);
    if (!existsSync(place)) takeOut(join(folder, 'node_modules', from, inside), place, app);
    return { ...app, folder: place };
  });
}

/** A copy that can be changed; what installing the package would do is done there. */
function takeOut(source: string, place: string, { name, command }: Omit<HostApp, 'folder'>): void {
  cpSync(source, place, { recursive: true });
  const [program = ''] = command;
  if (program.startsWith('./')) chmodSync(join(place, program), 0o755);
  if (name === 'nbgv') commitOnce(place);
}

/** What nbgv tells the version of; nothing of it is of this moment or machine. */
function commitOnce(folder: string): void {
  writeFileSync(join(folder, 'version.json'), '{"version":"1.2"}\n');
  const who = { NAME: 'Somebody', EMAIL: 'somebody@example.com', DATE: '2026-01-01T00:00:00Z' };
  const env = {
    PATH: process.env['PATH'] ?? '',
    GIT_CONFIG_NOSYSTEM: '1',
    HOME: folder,
    ...Object.fromEntries(
      Object.entries(who).flatMap(([field, value]) =>
        ['AUTHOR', 'COMMITTER'].map((role) => [`GIT_${role}_${field}`, value]),
      ),
    ),
  };
  for (const words of [
    ['init', '--quiet', '--initial-branch=main', '--template='],
    ['add', 'version.json'],
    ['commit', '--quiet', '--message=first'],
  ]) {
    execFileSync('git', words, { cwd: folder, env });
  }
}
