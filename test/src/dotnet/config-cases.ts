import fc, { type Arbitrary } from 'fast-check';

export const core = 'Microsoft.NETCore.App';
export const aspnet = 'Microsoft.AspNetCore.App';
export const third = 'Example.App';
export const other = 'Other App';

export function often<A, B>(
  n: number,
  usual: Arbitrary<A>,
  m: number,
  rare: Arbitrary<B>,
): Arbitrary<A | B> {
  return fc.oneof({ weight: n, arbitrary: usual }, { weight: m, arbitrary: rare });
}

export const rollForward = often(
  40,
  fc.constantFrom(
    ...['Disable', 'LatestPatch', 'Minor', 'LatestMinor', 'Major', 'LatestMajor'],
    ...['LATESTPATCH', 'minor', 'latestminor', 'MAJOR', 'major', 'latestMajor'],
  ),
  1,
  fc.constantFrom('', 'Sideways', ' Major', 'Latest', '2'),
);
const current = fc.record({ rollForward }, { requiredKeys: [] });
const number = often(
  12,
  fc.integer({ min: 0, max: 2 }),
  1,
  fc.constantFrom(-1, 3, 7, 2 ** 32 + 2, -(2 ** 31)),
);
const legacy = fc.record(
  { applyPatches: fc.boolean(), rollForwardOnNoCandidateFx: number },
  { requiredKeys: [] },
);
const settings: Arbitrary<object> = fc.oneof(current, legacy);

export const devSettings = settings.map((own) => text({ runtimeOptions: own }));

type Members = readonly (readonly [name: string, value: unknown])[];
export type Configs = (...choices: string[][]) => Arbitrary<string | Uint8Array>;

/** Configs that ask for one of `choices`, all settings of one generation but in a few; no others if `careful`. */
export function configs(version: Arbitrary<string>, isNet10: boolean, careful = false): Configs {
  return (...choices) => {
    const generation = often(20, fc.constantFrom(current, legacy), 1, fc.constant(settings));
    const plain = fc
      .tuple(generation, fc.constantFrom(...choices))
      .chain(([generation, names]) =>
        fc
          .tuple(
            generation,
            fc.tuple(...names.map((name) => referenceTo(name, version, generation))),
            fc.constantFrom('framework', 'frameworks', 'frameworks', 'both'),
          )
          .map(([own, references, shape]) => [
            ...Object.entries(own),
            ...asMembers(references, shape),
          ]),
      );
    const told = often(
      30,
      plain,
      1,
      fc.tuple(plain, mistakes(isNet10)).map(([members, mistake]) => mistake(members)),
    );
    const written = told.map((members) => textOf([['runtimeOptions', members]]));
    return careful
      ? plain.map((members) => textOf([['runtimeOptions', members]]))
      : isNet10
        ? often(
            24,
            written,
            1,
            fc.tuple(written, dialects).map(([text, dialect]) => dialect(text)),
          )
        : written;
  };
}

function referenceTo(
  name: string,
  version: Arbitrary<string>,
  generation: Arbitrary<object>,
): Arbitrary<object> {
  return fc
    .tuple(
      often(
        60,
        fc.constant(name),
        1,
        fc.constantFrom(name.toLowerCase(), 'Missing.App', '../shared/x'),
      ),
      version,
      generation,
    )
    .map(([name, version, own]) => ({ name, version, ...own }));
}

function asMembers(references: readonly object[], shape: string): Members {
  const [first, ...rest] = references;
  if (shape === 'framework' && rest.length === 0) return [['framework', first]];
  if (shape === 'both') {
    return [['framework', first], ...(rest.length === 0 ? [] : [['frameworks', rest] as const])];
  }
  return [['frameworks', references]];
}

type Mistake = (members: Members) => Members;

/** What makes a config invalid, or looks as if it did. */
function mistakes(isNet10: boolean): Arbitrary<Mistake> {
  const anyHost: readonly Mistake[] = [
    () => [],
    (members) => [...members, ['includedFrameworks', []]],
    () => [['includedFrameworks', [{ name: core, version: '8.0.0' }]]],
    () => [['includedFrameworks', [{ version: '8.0.0' }]]],
    () => [
      [
        'includedFrameworks',
        [
          { name: core, version: '1.0.0' },
          { name: core, version: '1.0.0' },
        ],
      ],
    ],
    () => [['frameworks', []]],
    (members) => [
      ...members,
      ['framework', { name: core, version: '8.0.0' }],
      ['frameworks', [{ name: core, version: '9.0.0' }]],
    ],
    (members) => [
      ['additionalProbingPaths', ['/store', '|arch|/|tfm|']],
      ['tfm', 'net8.0'],
      ...members,
    ],
    (members) => [['configProperties', { 'System.GC.Server': true, list: [1, null] }], ...members],
    (members) => [['additionalProbingPaths', 'one'], ['unknown', { deep: [{}] }], ...members],
    (members) => [['rollForward', 'Major'], ['applyPatches', true], ...members],
    (members) => [['framework', null], ...members],
    (members) => [['frameworks', ['8.0.0']], ...members],
    (members) => [['additionalProbingPaths', {}], ...members],
    (members) => [['rollForward', null], ...members],
    (members) => [['framework', { name: 5, version: '8.0.0' }], ...members],
    (members) => [['framework', { name: core, version: 8 }], ...members],
    (members) => [['tfm', 8], ...members],
    (members) => [['configProperties', 'none'], ...members],
  ];
  const net10: readonly Mistake[] = [
    (members) => [
      ...members,
      ['framework', { name: core, version: '9.0.0' }],
      ['rollForward', 'Major'],
    ],
    (members) => [['framework', { name: aspnet, version: '8.0.0' }], ...members],
    (members) => [['applyPatches', 1], ...members],
    (members) => [['applyPatches', 'true'], ...members],
    (members) => [['framework', { name: core }], ...members],
    (members) => [['framework', { version: '8.0.0' }], ...members],
    (members) => [['configProperties', null], ...members],
    () => [['includedFrameworks', [{ name: core }]]],
    () => [['includedFrameworks', null]],
  ];
  return fc.constantFrom(...anyHost, ...(isNet10 ? net10 : []));
}

type Dialect = (text: string) => string | Uint8Array;

const behindBrace =
  (more: string): Dialect =>
  (text) =>
    text.replace('{', `{${more},`);

/** What JSON parsers disagree about. */
const dialects: Arbitrary<Dialect> = fc.constantFrom<Dialect[]>(
  (text) => `\ufeff${text}`,
  (text) => `\ufeff\ufeff${text}`,
  (text) => `// a comment\n${text}`,
  (text) => text.replaceAll('{', '{/* a */ // b\n'),
  (text) => text.replaceAll(',', '/**//**/,/* // */'),
  (text) => `${text} /* open`,
  (text) => `/* open ${text}`,
  (text) => `/ ${text}`,
  (text) => `${text} and more`,
  (text) => `${text}}`,
  (text) => `${text}\0{`,
  (text) => text.replace(/\}$/, ',}'),
  (text) => text.slice(0, -1),
  (text) => text.replaceAll('"', "'"),
  (text) => text.replace('runtimeOptions', 'runtime\\u004fptions'),
  (text) => text.replace(/^\{/, '{"runtimeOptions":{},'),
  (text) => text.replace(/\}$/, ',"runtimeOptions":null}'),
  (text) => text.replaceAll('"version":', '"version":"8.0.0","version":'),
  (text) => text.replaceAll('"name":', '"name" : "Microsoft.NETCore.App", "name":'),
  (text) =>
    Buffer.concat([
      Buffer.from('{"x":"'),
      Buffer.from([0xff, 0xc0, 0x80]),
      Buffer.from('",'),
      Buffer.from(text.slice(1)),
    ]),
  behindBrace('"x":"\\ud800"'),
  behindBrace('"x":"\\ud83d\\ude00"'),
  behindBrace('"x":"\\udc00\\ud800"'),
  behindBrace('"x":"a\\u0000b"'),
  behindBrace('"x":"tab\tin it"'),
  behindBrace('"x":"\\v"'),
  behindBrace('"__proto__":{"runtimeOptions":{}}'),
  behindBrace(`"x":${'['.repeat(300)}${']'.repeat(300)}`),
  behindBrace(`"x":${'9'.repeat(400)}`),
  ...[
    '1e400',
    '-1e400',
    '1e-400',
    '1E+5',
    '-0',
    '01',
    '1.',
    '.5',
    '-',
    '+1',
    'NaN',
    'Infinity',
    'tru',
    'True',
    'null',
  ].map((value) => behindBrace(`"x":${value}`)),
  () => '',
  () => '[]',
  () => '{}',
  () => '"text"',
  () => '{"runtimeOptions":null}',
  () => '{"runtimeOptions":5}',
  () => '{"runtimeOptions":[]}',
);

const text = (value: unknown): string => JSON.stringify(value);

/** An object with the members as they are, names used twice among them. */
function textOf(members: readonly (readonly [string, unknown])[]): string {
  const parts = members.map(
    ([name, value]) =>
      `${text(name)}:${name === 'runtimeOptions' ? textOf(value as Members) : text(value)}`,
  );
  return `{${parts.join(',')}}`;
}
