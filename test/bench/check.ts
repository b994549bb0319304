import { execFileSync } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { appAssemblies } from '../../src/check/assemblies.ts';
import { scan } from '../../src/check/scan.ts';
import { hostFiles } from '../../src/dotnet/host-files.ts';

/*
 * How long `check` takes to read assemblies and try every rule on them: those of the host's shared
 * frameworks, as if they were the libraries of an app.
 *
 *   npm run build && node dist/test/bench/check.js
 */

const dotnet = realpathSync(execFileSync('which', ['dotnet'], { encoding: 'utf8' }).trim());
const shared = join(dirname(dotnet), 'shared');
const folders = hostFiles
  .list(shared)
  .flatMap((name) =>
    hostFiles.list(`${shared}/${name}`).map((version) => `${shared}/${name}/${version}`),
  );

for (let round = 1; round <= 3; round += 1) {
  const start = performance.now();
  const startWork = process.cpuUsage();
  let assemblies = 0;
  let findings = 0;
  for (const folder of folders) {
    // No deps.json is of that name, so that nothing is taken for a part of the runtime.
    const app = {
      kind: 'framework-dependent',
      assembly: `${folder}/none.dll`,
      executable: dotnet,
    } as const;
    assemblies += hostFiles.list(folder).filter((name) => name.endsWith('.dll')).length;
    findings += scan(appAssemblies(app, hostFiles)).used.length;
  }
  const time = ((performance.now() - start) / 1e3).toFixed(2);
  const { user, system } = process.cpuUsage(startWork);
  const work = ((user + system) / 1e6).toFixed(2);
  console.log(`${assemblies} assemblies, ${findings} findings: ${time} s, ${work} s of processors`);
}
