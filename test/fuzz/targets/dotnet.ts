import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BundledFile, readBundle } from '../../../src/dotnet/bundle.ts';
import { withoutAssets } from '../../../src/dotnet/deps-json.ts';
import { parseHostJson } from '../../../src/dotnet/json.ts';
import { readAssembly } from '../../../src/dotnet/metadata/assembly.ts';
import { readManagedImage } from '../../../src/dotnet/metadata/pe.ts';
import { parseRuntimeConfig } from '../../../src/dotnet/runtimeconfig.ts';
import { readSimpleCommand } from '../../../src/dotnet/shell.ts';
import { buildAssembly } from '../../src/dotnet/assembly-builder.ts';
import { singleFile } from '../../src/dotnet/image-builder.ts';
import { accessOf } from '../../src/rofs/image.ts';
import { top } from '../../support/top.ts';
import { mutateBytes } from '../mutate-bytes.ts';
import { mutateJson } from '../mutate-json.ts';
import { outcomeOf } from '../outcome.ts';
import type { Random } from '../random.ts';
import type { Target } from '../target.ts';

/** Assemblies: names and blobs of what is read lie in the file. */
export function assemblyTarget(): Target {
  const published = readFileSync(join(top, 'fixtures/apps/console/publish/console.dll'));
  const built = buildAssembly({
    types: ['System.String', 'System.Threading.Mutex'],
    targetFramework: '.NETCoreApp,Version=v10.0',
    native: { flags: 3 },
  });
  const seeds = [published, Buffer.from(built)].map((bytes) => ({
    bytes,
    metadata: readManagedImage(accessOf(bytes))?.metadata.offset ?? 0,
  }));
  return {
    name: 'assembly',
    input(random) {
      const { bytes, metadata } = random.pick(seeds);
      // Most of what is read stands at the beginning of the metadata: streams, counts, then rows.
      const start = random.pick([0, metadata, metadata, metadata]);
      const end = Math.min(bytes.length, start + random.pick([128, 512, 2048]));
      return mutatedWithin(bytes, start, end, random);
    },
    run(input) {
      const assembly = readAssembly(accessOf(Buffer.from(input)));
      if (assembly === undefined) return 'refused';
      for (const { name, signature } of assembly.members) {
        if (name.length > input.length || signature.length > input.length) {
          throw new Error(`a member of ${name.length} and ${signature.length} bytes`);
        }
      }
      return 'accepted';
    },
  };
}

/** What the host of .NET reads: a deps.json that is edited is still one, and nothing is left to take out. */
export function hostJsonTarget(): Target {
  const framework = { name: 'Microsoft.NETCore.App', version: '10.0.0', rollForward: 'Minor' };
  const config = { tfm: 'net10.0', framework, configProperties: { 'System.GC.Server': true } };
  const assets = { runtime: { 'lib/a.dll': {}, 'b.dll': { localPath: 'c/b.dll' } }, native: {} };
  const seeds = [
    { runtimeOptions: config },
    {
      runtimeOptions: {
        includedFrameworks: [framework],
        applyPatches: false,
        additionalProbingPaths: [],
      },
    },
    {
      runtimeTarget: { name: '.NETCoreApp,Version=v10.0/linux-x64' },
      targets: { '.NETCoreApp,Version=v10.0': { 'a/1.0.0': assets } },
      libraries: { 'a/1.0.0': { type: 'package' } },
    },
  ];
  return {
    name: 'host-json',
    input(random) {
      const text = mutateJson(random.pick(seeds), random);
      return random.chance(0.3) ? mutateBytes(withComments(text, random), random) : text;
    },
    async run(input) {
      const edited = withoutAssets(input, () => true);
      if (edited !== undefined) {
        parseHostJson(edited);
        if (withoutAssets(edited, () => true) !== undefined) throw new Error('assets are left');
      }
      return await outcomeOf(['RUNTIMECONFIG_INVALID'], () => parseRuntimeConfig(input, 'a.json'));
    },
  };
}

function withComments(text: Buffer, random: Random): Buffer {
  const comment = random.pick(['/* a */', '// a\n', '\ufeff', '/**/']);
  return Buffer.from(text.toString().replaceAll(',', `,${comment}`));
}

const scripts = [
  `cd /srv && A=1 B="$TWO" exec dotnet app.dll --urls "http://+:\${PORT}" $PORT`,
  `dotnet 'my app.dll' "$@" *.json a"b"'c'`,
  'exec /app/start --x="$TWO" > /dev/null || true',
];

/** Scripts of shells: words are made of the script, the variables and the parameters, and of nothing else. */
export function shellTarget(): Target {
  const env = new Map([
    ['PORT', '8080'],
    ['TWO', 'a b'],
    ['LONG', 'x'.repeat(1000)],
  ]);
  return {
    name: 'shell',
    input: (random) => mutateBytes(Buffer.from(random.pick(scripts)), random),
    run(input) {
      const script = Buffer.from(input).toString('latin1');
      const place = { env, parameters: ['--one', ''], isFolder: (path: string) => path === '/srv' };
      const command = readSimpleCommand(script, place);
      if (typeof command === 'string') return 'refused';
      const text = command.words.join('');
      if (command.words.length === 0 || text.length > script.length * 1000) {
        throw new Error(`${command.words.length} words of ${text.length} characters`);
      }
      return 'accepted';
    },
  };
}

/** Bundles of single-file apps: every file of one that is accepted lies in it, below the app's folder. */
export function bundleTarget(): Target {
  const parts = [
    { path: 'app.dll', type: 1, bytes: 'MZ' },
    { path: 'lib/libn.so', type: 2, bytes: 'ELF'.repeat(40), deflated: true },
    { path: 'app.runtimeconfig.json', type: 4, bytes: '{"runtimeOptions":{}}' },
  ];
  const seeds = [1, 2, 6].map((major) => {
    const bytes = Buffer.from(singleFile(major, parts));
    return { bytes, header: headerIn(bytes, major) };
  });
  return {
    name: 'bundle',
    input(random) {
      const { bytes, header } = random.pick(seeds);
      const start = Buffer.alloc(4);
      start.writeUInt32LE(header);
      return Buffer.concat([start, mutatedWithin(bytes, header, bytes.length, random)]);
    },
    run(input) {
      const bytes = Buffer.from(input.subarray(4));
      const bundle = readBundle(accessOf(bytes), Buffer.from(input).readUInt32LE(0));
      if (typeof bundle === 'string') return 'refused';
      for (const file of bundle.files) requireWithin(file, bytes.length);
      return 'accepted';
    },
  };
}

/** The manifest follows the last file: its version, 0, and how many files there are. */
function headerIn(bytes: Buffer, major: number): number {
  const start = Buffer.alloc(12);
  start.writeUInt32LE(major, 0);
  start.writeUInt32LE(3, 8);
  return bytes.lastIndexOf(start);
}

function requireWithin({ path, offset, size, compressedSize }: BundledFile, end: number): void {
  const isSafe = path.split('/').every((name) => !['', '.', '..'].includes(name));
  if (isSafe && offset >= 0 && offset + (compressedSize || size) <= end) return;
  throw new Error(`${JSON.stringify(path)}: ${size} bytes at ${offset} of ${end}`);
}

/** The bytes of a range changed; what is before and behind it stays. */
function mutatedWithin(bytes: Buffer, start: number, end: number, random: Random): Buffer {
  return Buffer.concat([
    bytes.subarray(0, start),
    mutateBytes(bytes.subarray(start, end), random),
    bytes.subarray(end),
  ]);
}
