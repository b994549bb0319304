import { execFileSync } from 'node:child_process';
import { existsSync, lstatSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** Debian's database of installed packages (dpkg(1), FILES). */
const database = '/var/lib/dpkg';

/** What Microsoft's Dockerfiles of runtime-deps install on Debian, whatever the release calls it. */
const runtimeDeps =
  /^(?:apt|ca-certificates|libc6|libgcc-s1|libicu\d+|libssl3(?:t64)?|libstdc\+\+6|tzdata|zlib1g)$/;

/** What the slim images of Debian leave out of every package. */
const notSlim = /^\/usr\/share\/(?:doc|groff|info|linda|lintian|locale|man)\//;

/** What packages make when they are installed, and no list of theirs names. */
const madeOnInstalling = [
  ...['etc/group', 'etc/passwd', 'etc/shadow', 'etc/localtime', 'etc/nsswitch.conf'],
  ...['etc/ssl/certs', 'var/lib/dpkg/status', 'etc/ld.so.cache'],
];

interface Package {
  readonly name: string;
  readonly isRequired: boolean;
  readonly needs: readonly string[];
}

/**
 * The layer that a slim Debian image with the native libraries of .NET has, as a tar: the packages of this
 * machine that every Debian has, apt, those libraries, and what these depend on. Undefined where this is
 * no Debian.
 */
export function debianBase(): Uint8Array | undefined {
  if (!existsSync(join(database, 'status'))) return undefined;
  const paths = [...chosenPackages()].flatMap(filesOf).filter((path) => !notSlim.test(path));
  const links = ['bin', 'lib', 'lib64', 'sbin'].filter((name) => isLink(`/${name}`));
  const names = new Set(
    [...paths, ...madeOnInstalling.map((path) => `/${path}`)]
      .filter((path) => existsSync(path))
      .map((path) => join(realpathSync(dirname(path)), basename(path)).slice(1)),
  );
  const whole = names.has('etc/ssl/certs') ? ['etc/ssl/certs'] : [];
  // Named twice, a link would be a hard link to itself the second time.
  const all = [...new Set([...names, ...links])];
  const single = all.filter((name) => name !== '' && !whole.includes(name));
  const options = ['--create', '--owner=0', '--group=0', '--numeric-owner', '-C', '/'];
  return execFileSync(
    'tar',
    [...options, ...whole, '--no-recursion', '--null', '--verbatim-files-from', '--files-from=-'],
    { input: single.sort().join('\0'), maxBuffer: 2 ** 30 },
  );
}

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
}

function chosenPackages(): ReadonlySet<string> {
  const packages = new Map(installedPackages().map((one) => [one.name, one]));
  const chosen = new Set<string>();
  const pending = [...packages.values()]
    .filter(({ name, isRequired }) => isRequired || runtimeDeps.test(name))
    .map(({ name }) => name);
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    const found = packages.get(name);
    if (found === undefined || chosen.has(name)) continue;
    chosen.add(name);
    pending.push(...found.needs);
  }
  return chosen;
}

function installedPackages(): readonly Package[] {
  const stanzas = readFileSync(join(database, 'status'), 'utf8').split(/\n\n+/);
  return stanzas
    .filter((stanza) => /^Status: .* installed$/m.test(stanza))
    .map((stanza) => {
      const field = (name: string): string =>
        new RegExp(`^${name}: (.*)$`, 'm').exec(stanza)?.[1] ?? '';
      const needs = [field('Depends'), field('Pre-Depends')].join(',').split(/[,|]/);
      return {
        name: field('Package'),
        isRequired: field('Priority') === 'required',
        needs: needs.map((need) => need.trim().replace(/[ :(].*$/, '')),
      };
    });
}

/** What a package put into the file system, and what dpkg keeps of it. */
function filesOf(name: string): readonly string[] {
  const info = join(database, 'info');
  const kept = readdirSync(info).filter(
    (one) => one.startsWith(name) && /^(?::amd64)?\.\w+$/.test(one.slice(name.length)),
  );
  const lists = kept.filter((one) => one.endsWith('.list'));
  const named = lists.flatMap((list) => readFileSync(join(info, list), 'utf8').split('\n'));
  return [...named.filter(Boolean), ...kept.map((one) => join(info, one))];
}
