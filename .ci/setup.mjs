// Brings a fresh clone to where the demo and the tests can run: npm packages always, Debian's
// packages where this user may install them. Plain JavaScript: it runs before anything is built.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const top = fileURLToPath(new URL('..', import.meta.url));

/** A command each Debian package brings, and what is left out without it. */
const debian = {
  'docker-registry': { package: 'docker-registry', for: 'tests against a real registry server' },
  skopeo: { package: 'skopeo', for: 'tests that push and read with skopeo' },
  igzip: { package: 'isal', for: 'inflating layers by igzip' },
  umoci: { package: 'umoci', for: 'tests that read the store with umoci' },
  bwrap: { package: 'bubblewrap', for: 'running built trees with nothing else around them' },
  setfattr: { package: 'attr', for: 'owners in folders that flatten writes' },
  'qemu-img': { package: 'qemu-utils', for: 'tests of disks with qemu-img' },
  'qemu-system-x86_64': { package: 'qemu-system-x86', for: 'booting disks' },
  'qemu-system-aarch64': { package: 'qemu-system-arm', for: 'booting disks for aarch64' },
  mke2fs: { package: 'e2fsprogs', for: 'volumes with ext4' },
  gcc: { package: 'gcc', for: 'the boot probe' },
  'aarch64-linux-gnu-gcc': { package: 'gcc-aarch64-linux-gnu', for: 'the boot probe on aarch64' },
  ld: { package: 'binutils', for: 'the boot probe' },
  'g++': { package: 'g++', for: 'the fast zstd reader' },
  make: { package: 'make', for: 'the fast zstd reader' },
  python3: { package: 'python3', for: 'the fast zstd reader' },
};
const wanted = {
  demo: ['qemu-system-x86_64', 'gcc', 'ld'],
  bench: ['docker-registry', 'skopeo', 'umoci', 'igzip', 'gcc', 'ld', 'g++', 'make', 'python3'],
  test: Object.keys(debian),
};

const purpose = process.argv[2] ?? 'test';
installDebianPackages(wanted[purpose] ?? wanted.test);
installNpmPackages();

function installNpmPackages() {
  const lock = readFileSync(join(top, 'package-lock.json'), 'utf8');
  const stamp = join(top, 'node_modules', '.osv-convert-lock');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return;
  say('installing npm packages (a minute or two: zstd-napi may have to be compiled)');
  if (!run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'])) {
    say('npm ci failed; its own messages are above');
    process.exit(1);
  }
  writeFileSync(stamp, lock);
}

function installDebianPackages(commands) {
  const missing = commands.filter((command) => !onPath(command));
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((command) => debian[command].package))];
  const root = process.getuid?.() === 0;
  const apt = root ? ['apt-get'] : ['sudo', '-n', 'apt-get'];
  const allowed =
    onPath('apt-get') &&
    (root ||
      (onPath('sudo') && spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0));
  if (allowed) {
    say(`installing Debian packages: ${packages.join(' ')}`);
    const install = [
      ...apt.slice(1),
      'install',
      '-y',
      '-qq',
      '--no-install-recommends',
      ...packages,
    ];
    const quiet = { stdio: ['ignore', 'ignore', 'inherit'] };
    run(apt[0], [...apt.slice(1), 'update', '-qq'], quiet);
    run(apt[0], install, { ...quiet, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } });
  }
  const absent = missing.filter((command) => !onPath(command));
  if (absent.length === 0) return;
  const lost = [...new Set(absent.map((command) => debian[command].for))];
  const names = [...new Set(absent.map((command) => debian[command].package))];
  say(`left out: ${lost.join(', ')}. To have them: sudo apt-get install ${names.join(' ')}`);
}

function run(command, args, options = {}) {
  return spawnSync(command, args, { cwd: top, stdio: 'inherit', ...options }).status === 0;
}

function onPath(command) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, command), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function say(text) {
  process.stderr.write(`set-up: ${text}\n`);
}
