// Builds dist: the library by tsc, the checks of schemas, and the command line tool as one bundle in
// dist/bin. What tsc finds wrong fails the build, but does not stop it. Plain JavaScript: it is the build.
import { spawnSync } from 'node:child_process';
import { copyFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleTool } from './bundle.mjs';
import { compileSchemas } from './validators.mjs';

const top = fileURLToPath(new URL('..', import.meta.url));
const dist = join(top, 'dist');

const tsc = join(top, 'node_modules/typescript/bin/tsc');
const { status } = spawnSync(process.execPath, [tsc, '--outDir', dist], {
  cwd: top,
  stdio: 'inherit',
});
for (const file of readdirSync(join(top, 'schemas'))) {
  if (file.endsWith('.json')) copyFileSync(join(top, 'schemas', file), join(dist, 'schemas', file));
}
const checked = await compileSchemas(join(dist, 'schemas'));
await bundleTool(top, checked);
process.exit(status ?? 1);
