import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { withoutAssets } from '../../../src/dotnet/deps-json.ts';
import { findHostRuntimes } from '../../../src/dotnet/runtimes.ts';
import { isOtherRid, unusedFor } from '../../../src/dotnet/unused.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const run = promisify(execFile);

const [dotnet] = findHostRuntimes(process.env);
const home = temporaryFolder('deps');

/** A library of an app; `rid` undefined for what is of every platform. */
interface Asset {
  readonly kind: 'runtime' | 'native' | 'resources';
  readonly rid: string | undefined;
  /** In the deps.json. */
  readonly path: string;
  /** Beside it. */
  readonly file: string;
  readonly localPath?: string;
}

interface Library {
  readonly name: string;
  readonly assets: readonly Asset[];
}

const rids = [
  ...'any unix unix-x64 linux linux-x64 win win-x64 win-arm64 osx osx-arm64 linux-arm64 linux-musl-x64'.split(
    ' ',
  ),
  ...'linux-arm linux-s390x debian.12-x64 ubuntu.22.04-x64 alpine-x64 browser-wasm freebsd-x64 ios base'.split(
    ' ',
  ),
];
const kinds = ['runtime', 'native', 'resources'] as const;

function assetOf(library: string, kind: Asset['kind'], rid: string | undefined, at: number): Asset {
  const names = {
    runtime: `${library}${at}.dll`,
    native: `lib${library}${at}.so`,
    resources: `${library}.resources.dll`,
  };
  const name = names[kind];
  const beside = kind === 'resources' ? `c${at}/${name}` : name;
  if (rid !== undefined) {
    const path = `runtimes/${rid}/${kind === 'native' ? 'native' : 'lib/net8.0'}/${beside}`;
    return { kind, rid, path, file: path };
  }
  return at === 2
    ? { kind, rid, path: `lib/net8.0/${beside}`, file: `own/${beside}`, localPath: `own/${beside}` }
    : { kind, rid, path: kind === 'native' ? beside : `lib/net8.0/${beside}`, file: beside };
}

const libraries = fc
  .array(
    fc.uniqueArray(
      fc.tuple(
        fc.constantFrom(...kinds),
        fc.option(fc.constantFrom(...rids), { freq: 4, nil: undefined }),
        fc.integer({ min: 0, max: 2 }),
      ),
      { minLength: 1, maxLength: 12, selector: String },
    ),
    { minLength: 1, maxLength: 4 },
  )
  .map((all): Library[] =>
    all.map((parts, at) => ({
      name: `Lib${'ABCD'[at]}`,
      assets: parts.map(([kind, rid, at_]) => assetOf(`Lib${'ABCD'[at]}`, kind, rid, at_)),
    })),
  );

function depsJson(all: readonly Library[]): string {
  const groups = (assets: readonly Asset[]) => ({
    ...Object.fromEntries(
      kinds.map((kind) => [
        kind,
        Object.fromEntries(
          assets
            .filter((asset) => asset.kind === kind && asset.rid === undefined)
            .map(({ path, localPath }) => [
              path,
              {
                ...(kind === 'resources' && { locale: path.split('/').at(-2) }),
                ...(localPath && { localPath }),
              },
            ]),
        ),
      ]),
    ),
    runtimeTargets: Object.fromEntries(
      assets.flatMap(({ kind, rid, path }) =>
        rid === undefined ? [] : [[path, { rid, assetType: kind }]],
      ),
    ),
  });

  const own: Library = {
    name: 'console',
    assets: [{ kind: 'runtime', rid: undefined, path: 'console.dll', file: 'console.dll' }],
  };
  const target = '.NETCoreApp,Version=v10.0';
  return JSON.stringify({
    runtimeTarget: { name: target, signature: '' },
    targets: {
      [target]: Object.fromEntries(
        [own, ...all].map(({ name, assets }) => [`${name}/1.0.0`, groups(assets)]),
      ),
    },
    libraries: Object.fromEntries(
      [own, ...all].map(({ name }) => [
        `${name}/1.0.0`,
        { type: name === 'console' ? 'project' : 'package', serviceable: false, sha512: '' },
      ]),
    ),
  });
}

/**
 * Lays out the app with all files of `all` but those of `gone`, and starts it. The host of .NET 10
 * looks whether files are there only when it is given another folder to look in; older ones do always.
 */
async function start(
  id: number,
  all: readonly Library[],
  deps: Uint8Array | string,
  gone: ReadonlySet<string>,
) {
  const app = join(home, `app-${id}`);
  cpSync('fixtures/apps/console/publish', app, { recursive: true });
  for (const { file } of all.flatMap(({ assets }) => assets)) {
    if (gone.has(file)) continue;
    mkdirSync(dirname(join(app, file)), { recursive: true });
    writeFileSync(join(app, file), '');
  }
  writeFileSync(join(app, 'console.deps.json'), deps);
  const env = {
    COREHOST_TRACE: '1',
    COREHOST_TRACEFILE: join(app, 'trace'),
    DOTNET_SYSTEM_GLOBALIZATION_INVARIANT: '1',
  };
  const words = ['--additionalprobingpath', home, join(app, 'console.dll')];
  const result = await run(join(dotnet?.path ?? '', 'dotnet'), words, { env }).then(
    ({ stdout }) => ({ code: 0, stdout }),
    ({ code, stdout }) => ({ code, stdout }),
  );
  const trace = readFileSync(join(app, 'trace'), 'utf8');
  rmSync(app, { recursive: true, force: true });
  return { ...result, trace };
}

/** The RID the host chose for each library and kind. */
function chosenRids(trace: string): ReadonlyMap<string, string> {
  const chosen = new Map<string, string>();
  let library = '';
  for (const line of trace.split('\n')) {
    library = /^Filtering RID assets for (.*)\/1\.0\.0$/.exec(line)?.[1] ?? library;
    const [, rid, kind] = /^ {2}Matched RID (\S+) for (\S+) assets$/.exec(line) ?? [];
    if (rid !== undefined) chosen.set(`${library} ${kind}`, rid);
  }
  return chosen;
}

const empty: Library = {
  name: 'LibA',
  assets: kinds.map((kind) => ({
    kind,
    rid: undefined,
    path: `lib/net8.0/${kind}/_._`,
    file: kind === 'resources' ? `${kind}/_._` : '_._',
  })),
};

test('withoutAssets leaves the entries of files that packages do not have (DOTNET.md 2.7)', () => {
  const deps = Buffer.from(depsJson([empty]));
  expect(withoutAssets(deps, (path) => path.endsWith('_._'))).toBeUndefined();
  const edited = withoutAssets(deps, () => true)?.toString() ?? '';
  expect(edited.match(/_\._"/g)).toHaveLength(kinds.length);
  expect(edited).not.toContain('console.dll');
});

const reason = dotnet === undefined ? ' (left out: no .NET is installed here)' : '';

describe.skipIf(dotnet === undefined)(`the .NET host itself${reason}`, () => {
  test('passes over entries that stand for no file (DOTNET.md 2.7)', async () => {
    const gone = new Set(empty.assets.map(({ file }) => file));
    expect(await start(1000, [empty], depsJson([empty]), gone)).toMatchObject({ code: 0 });
    const named = {
      ...empty,
      assets: empty.assets.map((one) => ({ ...one, path: `${one.path}x` })),
    };
    expect(await start(1001, [named], depsJson([named]), gone)).toMatchObject({ code: 140 });
  });

  test('starts an app whose assets were left out of its deps.json, and takes only RIDs that are kept', async () => {
    const count = 24;
    const cases = fc.sample(fc.tuple(libraries, fc.infiniteStream(fc.boolean())), {
      numRuns: count,
      seed: 7,
    });
    const seen = { listed: 0, rid: 0, complained: 0 };
    for (const [id, [all, dice]] of cases.entries()) {
      const files = all.flatMap(({ assets }) => assets);
      const isUnused = ({ file }: Asset): boolean =>
        unusedFor(file, new Set(), 'x64') === 'other-platform';
      const listed = files.filter(({ rid }) => rid === undefined && dice.next().value);
      const gone = new Set([...listed, ...files.filter(isUnused)].map(({ file }) => file));
      const deps = depsJson(all);
      const edited = withoutAssets(Buffer.from(deps), (path) => gone.has(path)) ?? deps;

      const { code, stdout, trace } = await start(id, all, edited, gone);
      expect({
        deps,
        gone: [...gone],
        code,
        stdout,
        problem: code === 0 ? '' : trace.slice(-1500),
      }).toMatchObject({ code: 0, stdout: expect.stringContaining('console: args=[]') });
      const chosen = chosenRids(trace);
      expect([...chosen].filter(([, rid]) => isOtherRid(rid, 'x64'))).toEqual([]);
      seen.listed += listed.length;
      seen.rid += chosen.size;
      // Assets for our platform stand in the place of all others of their kind.
      const isWanted = ({ name, assets }: Library): boolean =>
        !chosen.has(`${name} runtime`) &&
        assets.some(({ kind, file, rid }) => kind === 'runtime' && !rid && gone.has(file));
      if (id < 8 && all.some(isWanted)) {
        const unedited = await start(id, all, deps, gone);
        expect(unedited.code).toBe(140);
        seen.complained++;
      }
    }
    expect(seen.listed).toBeGreaterThan(count);
    expect(seen.rid).toBeGreaterThan(count);
    expect(seen.complained).toBeGreaterThan(2);
  });
});
