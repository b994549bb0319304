import { join } from 'node:path';
import { top } from '../top.ts';
import type { HostApp } from './host-app.ts';

/** Arguments that show whether they arrive. */
const words = ['a b', 'žluť', ''];

/** How a fixture app is started and what it does; its folder is wherever it was published. */
type FixtureApp = Omit<HostApp, 'folder'> & {
  /** What `fixtures/apps/rebuild.sh` calls it. */
  readonly variant: string;
};

/** Published forms that are one program of their own. */
const programs = [
  ...['singlefile', 'selfcontained', 'selfcontained-singlefile'],
  ...['selfcontained-singlefile-compressed', 'trimmed', 'readytorun', 'composite'],
];

/** Every fixture app in every form that NuGet has the packages for. */
export const fixtureApps: readonly FixtureApp[] = [
  { name: 'console', variant: 'console', command: ['dotnet', 'console.dll'], args: words },
  { name: 'console, apphost', variant: 'console', command: ['./console'], args: words },
  ...forms('console', programs, { args: words }),
  { name: 'hello-aot', variant: 'hello-aot', command: ['./hello-aot'], args: words },
  { name: 'console-fs', variant: 'console-fs', command: ['dotnet', 'console-fs.dll'], args: words },
  { name: 'console-vb', variant: 'console-vb', command: ['dotnet', 'console-vb.dll'], args: words },
  { name: 'libraries', variant: 'libraries', command: ['dotnet', 'libraries.dll'] },
  { name: 'worker', variant: 'worker', command: ['dotnet', 'worker.dll'] },
  { name: 'worker, apphost', variant: 'worker', command: ['./worker'] },
  ...forms('worker', ['singlefile', 'selfcontained', 'trimmed', 'readytorun']),
  { name: 'web', variant: 'web', command: ['dotnet', 'web.dll'], serves: '/' },
  { name: 'web, apphost', variant: 'web', command: ['./web'], serves: '/' },
  ...forms('web', programs, { serves: '/' }),
  { name: 'web-aot', variant: 'web-aot', command: ['./web-aot'], serves: '/' },
];

function forms(
  app: string,
  names: readonly string[],
  more: Pick<HostApp, 'args' | 'serves'> = {},
): readonly FixtureApp[] {
  return names.map((form) => ({
    name: `${app}-${form}`,
    variant: `${app}-${form}`,
    command: [`./${app}`],
    ...more,
  }));
}

/** The app as it is committed, or as `rebuild.sh` published it to `folder`. */
export function fixtureApp(name: string, folder = join(top, 'fixtures/apps')): HostApp {
  const found = fixtureApps.find((one) => one.name === name);
  if (found === undefined) throw new Error(`fixtureApp: there is no ${name}`);
  const { variant, ...app } = found;
  return { ...app, folder: join(folder, variant, 'publish') };
}
