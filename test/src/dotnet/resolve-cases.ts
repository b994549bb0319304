import fc, { type Arbitrary } from 'fast-check';
import {
  aspnet,
  type Configs,
  configs,
  core,
  devSettings,
  often,
  other,
  rollForward,
  third,
} from './config-cases.ts';
import type { Installed, Question, World } from './hostfxr.ts';

/**
 * Worlds for the .NET host: installed frameworks with configs of their own, apps that ask for them, and
 * every setting, file and mistake that has a say. Left out is what hosts do by accident: two folders that
 * differ in `+build` alone (the order of the folder decides), numbers above 31 bits (they wrap), values of wrong types where memory decides,
 * and a folder named by no version together with a config that asks for exactly that name.
 */
export function worlds({ dialect }: { readonly dialect: 'plain' | 'net10' }): Arbitrary<World> {
  const isNet10 = dialect === 'net10';
  const config = configs(wantedVersion, isNet10);
  const installed = fc
    .tuple(
      frameworksOf(core, { min: 6, max: 14 }, often(24, none, 1, config([third], [aspnet]))),
      frameworksOf(aspnet, { min: 4, max: 9 }, config([core], [core], [core], [core], [other])),
      frameworksOf(
        third,
        { min: 3, max: 7 },
        config([core], [aspnet], [core, aspnet], [aspnet, core]),
      ),
      frameworksOf(other, { min: 3, max: 7 }, config([third], [aspnet], [third, core], [core])),
    )
    .map((frameworks) => frameworks.flat());
  const incomplete = often(24, fc.constant(false), 1, fc.constant(isNet10));
  return fc.record({
    installed: installed.chain((all) =>
      fc.tuple(
        ...all.map((framework) => incomplete.map((incomplete) => ({ ...framework, incomplete }))),
      ),
    ),
    questions: fc.array(questions(config, isNet10), {
      minLength: questionsOfWorld,
      maxLength: questionsOfWorld,
    }),
  });
}

/** To lay out a world takes as long as to ask it several questions. */
export const questionsOfWorld = 16;

const none = fc.constant(undefined);

/** Versions that lie there, and, lower, those that are asked for: most cases are to end well. */
const triples = (patches: number): Arbitrary<string> =>
  fc
    .tuple(
      often(14, fc.constantFrom(8, 8, 9), 1, fc.constantFrom(7, 10)),
      often(3, fc.constant(0), 1, fc.constant(1)),
      fc.integer({ min: 0, max: patches }),
    )
    .map((parts) => parts.join('.'));
const identifier = fc.oneof(
  fc.constantFrom(...'alpha preview rc RC a b 0 - -- 0a 1a a-1 z9 preview9 preview10'.split(' ')),
  fc.integer({ min: 0, max: 12 }).map(String),
  fc.constant('2147483647'),
);
const suffix = fc
  .array(identifier, { minLength: 1, maxLength: 3 })
  .map((parts) => `-${parts.join('.')}`);
const build = fc.constantFrom('+b1', '+01', '+a-b', '+1.2.3');
const versions = (patches: number): Arbitrary<string> =>
  fc
    .tuple(
      triples(patches),
      often(5, fc.constant(''), 1, suffix),
      often(16, fc.constant(''), 1, build),
    )
    .map((parts) => parts.join(''));
/** Folders that are no versions to the host. */
const strayFolder = fc.constantFrom(
  ...'8.0 v8.0.1 08.0.1 8.0.01 8.0.1-01 8.0.1-a..b 8.0.1- 8.0.1+ 8.0.1+a+b 8.0.1.2'.split(' '),
  ...['latest', '8.0.1-a_b', '8.0.1 ', '.8.0.1', '-8.0.1'],
);
export const wantedVersion = often(
  40,
  versions(1),
  1,
  fc.constantFrom('', '9', '9.0', '9.0.x', '09.0.1', ' 9.0.1', '9.0.0-', 'newest', '9.0.1-00'),
);

function frameworksOf(
  name: string,
  count: { readonly min: number; readonly max: number },
  config: Arbitrary<string | Uint8Array | undefined>,
): Arbitrary<Installed[]> {
  const folder = fc.record({
    name: fc.constant(name),
    version: often(20, versions(5), 1, strayFolder),
    config,
    dev: often(60, none, 1, devSettings),
  });
  return fc.uniqueArray(folder, {
    minLength: count.min,
    maxLength: count.max,
    // Versions of the same precedence would be chosen by the order in which the folder lists them.
    selector: (framework) => framework.version.split('+')[0],
  });
}

function questions(config: Configs, isNet10: boolean): Arbitrary<Question> {
  const asked = config(
    [core],
    [core],
    [aspnet],
    [core, aspnet],
    [aspnet, core],
    [third],
    [other],
    [core, third, aspnet],
    [other, core],
  );
  const dev = often(
    8,
    none,
    1,
    fc.oneof(
      devSettings,
      fc.constantFrom(
        '{',
        '{}',
        '{"runtimeOptions":{"additionalProbingPaths":["/root/.nuget/packages"]}}',
      ),
      // Where a value of a wrong type kills the host, it does so here too; that is left out.
      configs(wantedVersion, isNet10, true)([core], [aspnet]),
    ),
  );
  // A file that is not there leaves the app self-contained, or to what the other one says.
  const own = often(40, asked, 1, none);
  return fc.tuple(own, dev, asked, words, env).map(([own, dev, elsewhere, words, env]) => ({
    files: {
      ...(own !== undefined && { 'app.runtimeconfig.json': own }),
      ...(dev !== undefined &&
        (isNet10 || own !== undefined) && { 'app.runtimeconfig.dev.json': dev }),
      'other.json': elsewhere,
      'other.deps.json': '{}',
    },
    words,
    env,
  }));
}

const atoi = fc.constantFrom(
  ...['0', '1', '2', '2', '3', '-1', '', 'abc', '2x', ' 2', '+1', '02', '4294967298'],
  '99999999999999999999',
);
const optionValue = fc.oneof(
  { weight: 4, arbitrary: rollForward.map((value) => ['--roll-forward', value]) },
  { weight: 3, arbitrary: atoi.map((value) => ['--roll-forward-on-no-candidate-fx', value]) },
  { weight: 4, arbitrary: wantedVersion.map((value) => ['--fx-version', value]) },
  { weight: 1, arbitrary: fc.constant(['--additionalprobingpath', '/nowhere']) },
  { weight: 1, arbitrary: fc.constant(['--additional-deps', '/nowhere']) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('Major', 'minor').map((value) => ['--Roll-Forward', value]),
  },
);
const execOption = fc.constantFrom(
  ...[
    ['--runtimeconfig', 'other.json'],
    ['--RuntimeConfig', './other.deps.json'],
    ['--runtimeconfig', ''],
  ],
  ...[
    ['--runtimeconfig', 'nothing.json'],
    ['--depsfile', 'other.deps.json'],
    ['--depsfile', 'nothing.json'],
  ],
);
const words = fc.oneof(
  { weight: 10, arbitrary: fc.constant<string[]>([]) },
  { weight: 6, arbitrary: optionValue },
  { weight: 1, arbitrary: fc.array(optionValue, { maxLength: 3 }).map((pairs) => pairs.flat()) },
  {
    weight: 1,
    arbitrary: fc
      .array(fc.oneof(optionValue, execOption), { maxLength: 3 })
      .map((pairs) => ['exec', ...pairs.flat()]),
  },
);
const env = often(
  3,
  fc.constant({}),
  2,
  fc.record(
    {
      DOTNET_ROLL_FORWARD: rollForward,
      DOTNET_ROLL_FORWARD_TO_PRERELEASE: fc.constantFrom(
        '0',
        '1',
        '1',
        'true',
        ' 1x',
        '2',
        '',
        '4294967297',
      ),
      DOTNET_ROLL_FORWARD_ON_NO_CANDIDATE_FX: atoi,
    },
    { requiredKeys: [] },
  ),
);
