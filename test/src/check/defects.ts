import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BuiltImage, buildImage } from '../../support/image.ts';
import { directory, file } from '../../support/layers.ts';
import { top } from '../../support/top.ts';
import { buildElf } from '../elf/elf-builder.ts';

/** What makes an image of a small app from `fixtures/apps/defects` other than a sound one. */
export interface Defect {
  /** The app that is in it; the one that does nothing when absent. */
  readonly app?: string;
  /** More files beside it, by name; one of the same name is replaced, and one of null left out. */
  readonly files?: Readonly<Record<string, string | Uint8Array | null>>;
  /** False: the image has no OpenSSL. */
  readonly openssl?: boolean;
  /** Of the image's config. */
  readonly config?: Readonly<Record<string, unknown>>;
}

/** A framework-dependent app as the SDK publishes it, in an image with all that .NET needs but the runtime. */
export async function imageOf({
  app = 'nothing',
  files = {},
  openssl = true,
  config,
}: Defect): Promise<BuiltImage> {
  const assembly = await readFile(join(top, `fixtures/apps/defects/${app}/${app}.dll`));
  const all = new Map<string, string | Uint8Array | null>([
    [`${app}.dll`, assembly],
    [`${app}.runtimeconfig.json`, runtimeConfig(app)],
    [`${app}.deps.json`, depsJson(app)],
    ...Object.entries(files),
  ]);
  return buildImage({
    compression: 'none',
    layers: [
      [
        ...['etc', 'tmp', 'usr', 'usr/lib', 'app'].map((path) => directory(path)),
        ...(openssl ? ['libssl.so.3', 'libcrypto.so.3'] : []).map((soname) =>
          file(`usr/lib/${soname}`, buildElf({ soname })),
        ),
        ...[...all].flatMap(([name, bytes]) =>
          bytes === null ? [] : [file(`app/${name}`, bytes, { mode: 0o755 })],
        ),
      ],
    ],
    config: {
      Env: ['ASPNETCORE_HTTP_PORTS=8080'],
      WorkingDir: '/app',
      Entrypoint: ['dotnet', `${app}.dll`],
      ...config,
    },
  });
}

const webApps = new Set(['web', 'data-protection']);

function runtimeConfig(app: string): string {
  const version = '10.0.0';
  const names = [
    'Microsoft.NETCore.App',
    ...(webApps.has(app) ? ['Microsoft.AspNetCore.App'] : []),
  ];
  return JSON.stringify({
    runtimeOptions: {
      tfm: 'net10.0',
      frameworks: names.map((name) => ({ name, version })),
      configProperties: { 'System.Globalization.Invariant': true },
    },
  });
}

/** `library` is taken from others, where there is one. */
export function depsJson(app: string, library?: string): string {
  const packages = library === undefined ? [] : [library];
  return JSON.stringify({
    runtimeTarget: { name: '.NETCoreApp,Version=v10.0' },
    targets: {
      '.NETCoreApp,Version=v10.0': Object.fromEntries(
        [app, ...packages].map((name) => [`${name}/1.0.0`, { runtime: { [`${name}.dll`]: {} } }]),
      ),
    },
    libraries: {
      [`${app}/1.0.0`]: { type: 'project' },
      ...Object.fromEntries(packages.map((name) => [`${name}/1.0.0`, { type: 'package' }])),
    },
  });
}
