import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildElf } from '../src/elf/elf-builder.ts';
import { type BuiltImage, buildImage } from './image.ts';
import { directory, file, type LayerItem, symlink } from './layers.ts';
import { top } from './top.ts';

const loader = '/lib/ld-musl-x86_64.so.1';
const program = { mode: 0o755 };

/** The files of a small Alpine with .NET: right names and ELF headers, and nothing in them that could run. */
function alpineLayer(version: string): readonly LayerItem[] {
  const needed = ['libstdc++.so.6', 'libgcc_s.so.1', 'libc.musl-x86_64.so.1'];
  const library = buildElf({ needed });
  const base = `usr/share/dotnet/shared/Microsoft.NETCore.App/${version}`;
  return [
    file('etc/os-release', `NAME="Alpine Linux"\nID=alpine\n`),
    file(loader.slice(1), buildElf({ soname: 'libc.musl-x86_64.so.1' }), program),
    symlink('lib/libc.musl-x86_64.so.1', loader),
    ...['libstdc++.so.6', 'libgcc_s.so.1', 'libssl.so.3', 'libcrypto.so.3', 'libz.so.1'].map(
      (name) => file(`usr/lib/${name}`, library, program),
    ),
    file('usr/share/dotnet/dotnet', buildElf({ needed, interpreter: loader }), program),
    file(`usr/share/dotnet/host/fxr/${version}/libhostfxr.so`, library, program),
    ...['libcoreclr.so', 'libhostpolicy.so'].map((name) =>
      file(`${base}/${name}`, library, program),
    ),
    file(`${base}/Microsoft.NETCore.App.deps.json`, '{}'),
    symlink('usr/bin/dotnet', '/usr/share/dotnet/dotnet'),
  ];
}

/** A committed app on that Alpine, its executable as it is published for linux-musl-x64. */
export function alpineImage(app: string, entrypoint: readonly string[]): BuiltImage {
  const folder = join(top, 'fixtures/apps', app, 'publish');
  const files = readdirSync(folder).map((name) =>
    file(`app/${name}`, forMusl(readFileSync(join(folder, name))), program),
  );
  return buildImage({
    layers: [alpineLayer('10.0.0'), [directory('app'), ...files]],
    config: {
      Env: ['PATH=/usr/bin:/bin', 'DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=true'],
      WorkingDir: '/app',
      Entrypoint: entrypoint,
    },
  });
}

/** The loader's name in the place of that of glibc, which is longer; other files stay as they are. */
function forMusl(bytes: Buffer): Buffer {
  const glibc = Buffer.from('/lib64/ld-linux-x86-64.so.2\0');
  const at = bytes.indexOf(glibc);
  if (at !== -1) bytes.fill(0, at, at + glibc.length).write(loader, at);
  return bytes;
}
