import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Ground } from './ground.ts';

/** One line of the table: a command that is run in every round. */
export interface Row {
  readonly name: string;
  readonly command: (ground: Ground) => readonly string[];
  /** What has to be so before each run; not measured. */
  readonly prepare?: (ground: Ground) => void;
  /** In each round; those of a few milliseconds need more to be worth anything. */
  readonly runs?: number;
  /** Only in the first round: for what is long, and only asked for its memory. */
  readonly isOnce?: boolean;
  /** Programs of others that it needs, and finds. */
  readonly needs?: readonly string[];
  /** Images that it reads. */
  readonly images: readonly string[];
}

/** What can be chosen: rows that stand on each other are in one group, in their order. */
export type Group = 'start' | 'cold' | 'warm' | 'look' | 'layers' | 'memory';

const node = process.execPath;
const own = (name: string): string => fileURLToPath(new URL(`${name}.js`, import.meta.url));

export const rows: Readonly<Record<Group, readonly Row[]>> = {
  start: [
    { name: 'node -e 0', command: () => [node, '-e', '0'], runs: 10, images: [] },
    { name: '--version', command: ({ program }) => [program, '--version'], runs: 10, images: [] },
    { name: '--help', command: ({ program }) => [program, '--help'], runs: 10, images: [] },
  ],
  cold: [
    pulled('pull', 'app'),
    {
      name: 'build, the first',
      command: (ground) => build(ground, 'app', ground.path('store')),
      prepare: (ground) => remove(ground, 'cache', 'web.raw'),
      images: ['app'],
    },
    { ...pulled('pull, igzip', 'app'), needs: ['docker-registry', 'igzip'] },
    pulled('pull, zstd', 'app-zstd'),
    builtCold('pull and build'),
    { ...builtCold('pull and build, igzip'), needs: ['docker-registry', 'igzip'] },
    bareLoop('bare loop', 'app'),
    {
      name: 'skopeo copy',
      command: ({ registry, path }) => [
        ...['skopeo', '--insecure-policy', 'copy', '--src-tls-verify=false'],
        ...[`docker://${registry}/app:1`, `oci:${path('layout')}:app`],
      ],
      prepare: (ground) => remove(ground, 'layout'),
      needs: ['docker-registry', 'skopeo'],
      images: ['app'],
    },
    {
      name: 'umoci unpack',
      command: ({ path }) => [
        ...['umoci', 'unpack', '--rootless'],
        ...['--image', `${path('layout')}:app`, path('bundle')],
      ],
      prepare: (ground) => remove(ground, 'bundle'),
      needs: ['docker-registry', 'skopeo', 'umoci'],
      images: ['app'],
    },
    {
      name: 'plain ROFS',
      command: ({ path }) => [node, own('plain-rofs'), path('bundle/rootfs'), path('plain.rofs')],
      prepare: (ground) => remove(ground, 'plain.rofs'),
      needs: ['docker-registry', 'skopeo', 'umoci'],
      images: ['app'],
    },
  ],
  warm: [
    {
      // As much of the image as the others write; a usual build leaves out what the app cannot reach.
      name: 'build, all files',
      command: (ground) => [
        ...build(ground, 'app', ground.storeOf('app', 'app-changed')),
        ...['--include', 'all'],
      ],
      prepare: (ground) => remove(ground, 'web.raw', 'cache'),
      images: ['app', 'app-changed'],
    },
    {
      name: 'build',
      command: (ground) => build(ground, 'app', ground.storeOf('app', 'app-changed')),
      prepare: (ground) => remove(ground, 'web.raw', 'cache'),
      images: ['app', 'app-changed'],
    },
    {
      name: 'build, unchanged',
      command: (ground) => build(ground, 'app', ground.storeOf('app', 'app-changed')),
      images: ['app', 'app-changed'],
    },
    {
      name: 'build, new app',
      command: (ground) => build(ground, 'app-changed', ground.storeOf('app', 'app-changed')),
      prepare: (ground) => remove(ground, 'web.raw', 'cache'),
      images: ['app', 'app-changed'],
    },
    {
      name: 'bare write',
      command: ({ path }) => [node, own('bare-write'), path('web.raw'), path('copy.raw')],
      prepare: (ground) => remove(ground, 'copy.raw'),
      images: [],
    },
    {
      name: 'cp',
      command: ({ path }) => ['cp', path('web.raw'), path('copy.raw')],
      prepare: (ground) => remove(ground, 'copy.raw'),
      needs: ['cp'],
      images: [],
    },
    {
      name: 'cp, sync -d',
      command: ({ path }) => [
        ...['sh', '-c', 'cp "$1" "$2" && sync -d "$2"', 'sh'],
        ...[path('web.raw'), path('copy.raw')],
      ],
      prepare: (ground) => remove(ground, 'copy.raw'),
      needs: ['sh', 'cp', 'sync'],
      images: [],
    },
  ],
  look: [
    {
      name: 'flatten --to tar',
      command: (ground) => [
        ...[ground.program, 'flatten', ground.reference('app'), '--to', ground.path('app.tar')],
        ...['--store', ground.storeOf('app', 'app-changed')],
      ],
      prepare: (ground) => remove(ground, 'app.tar'),
      images: ['app', 'app-changed'],
    },
    { ...listed('ls', 'app', '/'), runs: 3 },
    listed('ls -R', 'app', '-R'),
  ],
  layers: [
    pulled('pull, 20,000 files', 'files'),
    bareLoop('bare loop, 20,000 files', 'files'),
    pulled('pull, 1 GiB', 'large'),
    bareLoop('bare loop, 1 GiB', 'large'),
    pulled('pull, 100 MB', 'medium'),
  ],
  memory: [
    pulled('pull, 20,000 entries', 'app-20k'),
    listed('ls -R, 20,000 entries', 'app-20k', '-R'),
    {
      name: 'build, 20,000 entries',
      command: (ground) => build(ground, 'app-20k', ground.storeOf('app-20k')),
      prepare: (ground) => remove(ground, 'cache', 'web.raw'),
      images: ['app-20k'],
    },
    { ...pulled('pull, 1,000,000 entries', 'million'), isOnce: true },
    { ...listed('ls -R, 1,000,000 entries', 'million', '-R'), isOnce: true },
  ],
};

function pulled(name: string, image: string): Row {
  return {
    name,
    command: ({ program, reference, path }) => [
      ...[program, 'pull', reference(image), '--store', path('store')],
    ],
    prepare: (ground) => ground.emptyStore('store'),
    needs: ['docker-registry'],
    images: [image],
  };
}

/** In one command, which pulls what it has not. */
function builtCold(name: string): Row {
  return {
    name,
    command: (ground) => build(ground, 'app', ground.path('store')),
    prepare: (ground) => {
      ground.emptyStore('store');
      remove(ground, 'web.raw', 'cache');
    },
    needs: ['docker-registry'],
    images: ['app'],
  };
}

function bareLoop(name: string, image: string): Row {
  return {
    name,
    command: ({ registry }) => [node, own('bare-loop'), `http://${registry}/v2/${image}`, '1'],
    needs: ['docker-registry'],
    images: [image],
  };
}

function listed(name: string, image: string, option: string): Row {
  return {
    name,
    command: ({ program, reference, storeOf }) => [
      ...[program, 'ls', reference(image), option, '--store', storeOf(image)],
    ],
    images: [image],
  };
}

function build(
  { program, reference, path }: Ground,
  image: string,
  store: string,
): readonly string[] {
  return [program, 'build', reference(image), '-o', path('web.raw'), '--store', store];
}

function remove({ path }: Ground, ...names: readonly string[]): void {
  for (const name of names) rmSync(path(name), { recursive: true, force: true });
}
