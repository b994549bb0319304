import { execFileSync } from 'node:child_process';
import { cpSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const project = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Compiles `store/` and `schemas/` into `folder`, for tests that need other processes: Node 20 does
 * not run TypeScript. Returns the path of the compiled `store/index.js`.
 */
export function compileStore(folder: string): string {
  const config = join(folder, 'tsconfig.json');
  writeFileSync(
    config,
    JSON.stringify({
      extends: join(project, 'tsconfig.json'),
      compilerOptions: {
        outDir: folder,
        rootDir: project,
        declaration: false,
        typeRoots: [join(project, 'node_modules/@types')],
      },
      include: [join(project, 'store'), join(project, 'schemas')],
    }),
  );
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  execFileSync(process.execPath, [join(project, 'node_modules/typescript/bin/tsc'), '-p', config]);
  cpSync(join(project, 'schemas'), join(folder, 'schemas'), {
    recursive: true,
    filter: (source) => !source.endsWith('.ts'),
  });
  symlinkSync(join(project, 'node_modules'), join(folder, 'node_modules'));
  return join(folder, 'store/index.js');
}
