import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { createValidator } from '../../../schemas/index.ts';
import { parseMtime, sourceDateEpoch } from '../../../src/cli/flatten-times.ts';
import { flattenTypeOf } from '../../../src/flatten-output.ts';
import { type CliOptions, runCli } from '../../support/cli.ts';
import { buildImage } from '../../support/image.ts';
import { directory, file, hardlink, special, symlink, whiteout } from '../../support/layers.ts';
import { writeLayout } from '../../support/layout.ts';
import { namespaces, onSmallDisk, readOnly } from '../../support/namespace.ts';
import { otherUser } from '../../support/other-user.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { top } from '../../support/top.ts';

const app = { uid: 1654, gid: 1654 };

const image = buildImage({
  layers: [
    [
      directory('etc', { mtime: 1e9 }),
      file('etc/passwd', 'root', { mtime: 1.6e9 }),
      file('etc/gone', 'gone'),
      directory('closed', { mode: 0, ...app }),
      file('closed/file', 'closed', { mode: 0o400, mtime: 1e9 + 0.25, ...app }),
    ],
    [
      whiteout('etc/gone'),
      directory('home', { mtime: 1e9 }),
      directory('home/app', { mode: 0o700, mtime: 2e9, ...app }),
      file('home/app/run', '#!/bin/sh\n', { mode: 0o4755, mtime: 1.7e9, uid: 0, gid: 1654 }),
      hardlink('home/app/same', 'home/app/run'),
      symlink('home/app/link', '/etc/passwd', { mtime: 7 }),
      file('home/app/caf\udce9', 'bytes', app),
      directory('dev', { mtime: 1e9 }),
      special('dev/null', 'character', 1, 3),
    ],
  ],
});

const root = temporaryFolder('flatten');
let from = '';
let store = '';

beforeAll(async () => {
  chmodSync(root, 0o755);
  store = join(root, 'store');
  const layout = join(root, 'oci');
  await writeLayout(layout, 't', image);
  await writeLayout(join(root, 'big'), 't', bigImage());
  from = `oci:${layout}:t`;
});

/** Takes longer to write than a test to see that it is being written. */
function bigImage() {
  const files = Array.from({ length: 40 }, (_, number) =>
    // No two are equal: a ROFS has equal files once.
    file(`f${number}`, Buffer.alloc(2 << 20, `${number} `)),
  );
  return buildImage({
    layers: [[directory('closed', { mode: 0 }), file('closed/f', 'x'), ...files]],
  });
}

async function flatten(to: string, args: readonly string[] = [], options: CliOptions = {}) {
  const words = ['flatten', from, '--to', to, '--store', store, ...args];
  const found = await runCli(words, { env: { XDG_CONFIG_HOME: root, ...options.env }, ...options });
  return { ...found, json: () => JSON.parse(found.stdout) };
}

/** All that `find` sees of a folder but times of changes and inodes. */
function listing(folder: string): readonly string[] {
  const { stdout } = spawnSync('find', ['.', '-printf', '%P %y %m %n %s %T@ %l\\n'], {
    cwd: folder,
    encoding: 'latin1',
  });
  return stdout
    .split('\n')
    .map((line) => line.replace(/( d \d+ )\d+ \d+/, '$1'))
    .sort();
}

function attributes(folder: string): string {
  const words = ['-R', '-h', '-d', '-m', '-', '.'];
  return spawnSync('getfattr', words, { cwd: folder, encoding: 'latin1' }).stdout;
}

const has = (program: string) => spawnSync(program, ['--version']).error === undefined;

describe('osv-convert flatten', () => {
  it('writes a folder, and says as JSON what it could not keep', async () => {
    const out = join(root, 'json');
    const { code, stderr, json } = await flatten(out, ['--json', '--quiet']);
    expect([code, stderr]).toEqual([0, '']);
    const said = json();
    expect((await createValidator('flatten'))(said)).toBeUndefined();
    expect(said).toMatchObject({ output: out, type: 'dir', kind: 'image', files: 6, bytes: 25 });
    expect(said.warnings.join('\n')).toContain('devices and pipes stand as empty files (1)');
    expect(readFileSync(join(out, 'etc/passwd'), 'utf8')).toBe('root');
    expect(existsSync(join(out, 'etc/gone'))).toBe(false);
    expect(readdirSync(root).filter((name) => name.endsWith('.part'))).toEqual([]);
  });

  it.runIf(has('umoci') && has('getfattr'))('writes what umoci unpacks without root', async () => {
    const [out, bundle] = [join(root, 'ours'), join(root, 'umoci')];
    expect(await flatten(out)).toMatchObject({ code: 0 });
    const words = ['unpack', '--rootless', '--image', from.replace('oci:', ''), bundle];
    expect(spawnSync('umoci', words).status).toBe(0);
    // Of folders that no layer describes umoci has the time of unpacking; the root is one.
    const described = (folder: string) => listing(folder).filter((line) => !line.startsWith(' d'));
    expect(described(out)).toEqual(described(join(bundle, 'rootfs')));
    expect(attributes(out).split('\n\n').sort()).toEqual(
      attributes(join(bundle, 'rootfs')).split('\n\n').sort(),
    );
    expect(attributes(out)).toContain('user.rootlesscontainers=');
  });

  it('writes a tar, a compressed one, and one on stdout, all of the same bytes', async () => {
    const [tar, gz, other] = ['a.tar', 'a.tar.gz', 'other'].map((name) => join(root, name));
    expect(await flatten(`${tar}`, ['--mtime', '5'])).toMatchObject({ code: 0 });
    expect(await flatten(`${gz}`, ['--mtime', '5'])).toMatchObject({ code: 0 });
    expect(await flatten(`${other}`, ['--mtime', '5', '--type', 'tar'])).toMatchObject({ code: 0 });
    const bytes = readFileSync(`${tar}`);
    expect(gunzipSync(readFileSync(`${gz}`)).equals(bytes)).toBe(true);
    expect(readFileSync(`${other}`).equals(bytes)).toBe(true);
    const piped = join(root, 'piped.tar');
    const through = ['sh', '-c', '"$@" > "$0"', piped];
    expect(await flatten('-', ['--mtime', '5'], { through })).toMatchObject({ code: 0 });
    expect(readFileSync(piped).equals(bytes)).toBe(true);
    const { stdout } = spawnSync('tar', ['-tvf', piped, '--utc'], { encoding: 'utf8' });
    expect(stdout).toMatch(/^-rwsr-xr-x 0\/1654 +10 1970-01-01 00:00 home\/app\/run$/m);
  });

  it('writes a ROFS, which can be flattened again', async () => {
    const rofs = join(root, 'a.rofs');
    const first = await flatten(rofs, ['--json']);
    expect(first.json()).toMatchObject({ type: 'rofs', bytes: lstatSync(rofs).size });
    expect(first.json().warnings).toEqual(['devices and pipes are left out (1): a ROFS has none']);
    const out = join(root, 'of-rofs');
    const words = ['flatten', rofs, '-o', out, '--store', store, '--json'];
    const { stdout, code } = await runCli(words);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ kind: 'disk', files: 5, bytes: 25 });
    expect(readFileSync(join(out, 'closed/file'), 'utf8')).toBe('closed');
    const modes = ['', 'closed', 'closed/file', 'home/app/link'];
    expect(modes.map((path) => (lstatSync(join(out, path)).mode & 0o7777).toString(8))).toEqual([
      ...['755', '755', '755', '777'],
    ]);
  });

  it('writes a layer, whose whiteouts become empty files', async () => {
    const [, upper] = image.layers;
    const out = join(root, 'layer');
    const words = ['flatten', `layer:${upper?.diffID}`, '--to', out, '--store', store, '--json'];
    const { stdout } = await runCli(words);
    expect(JSON.parse(stdout)).toMatchObject({ kind: 'layer', files: 5 });
    expect(lstatSync(join(out, 'etc/gone')).size).toBe(0);
  });

  it('gives equal bytes and listings each time, in whatever zone and with whatever umask', async () => {
    const runs = ['one', 'two'].map(async (name, number) => {
      const [out, tar] = [join(root, name), join(root, `${name}.tar`)];
      const through = ['sh', '-c', `umask ${number === 0 ? '0' : '077'}; exec "$0" "$@"`];
      const env = { TZ: number === 0 ? 'UTC' : 'Asia/Tokyo', XDG_CONFIG_HOME: root };
      const args = ['--mtime', '2026-01-31T12:00'];
      expect(await flatten(out, args, { env, through })).toMatchObject({ code: 0 });
      expect(await flatten(tar, args, { env, through })).toMatchObject({ code: 0 });
      return { listing: listing(out), tar: readFileSync(tar) };
    });
    const [one, two] = await Promise.all(runs);
    expect(one?.listing).toEqual(two?.listing);
    expect(one?.listing.filter((line) => line !== '' && !line.includes(' 1769860800.'))).toEqual(
      [],
    );
    expect(one?.tar.equals(two?.tar ?? Buffer.of())).toBe(true);
  });

  it('lets no time be after SOURCE_DATE_EPOCH', async () => {
    const out = join(root, 'epoch');
    const env = { SOURCE_DATE_EPOCH: '1650000000', XDG_CONFIG_HOME: root };
    expect(await flatten(out, [], { env })).toMatchObject({ code: 0 });
    const times = ['etc/passwd', 'home/app/run', 'home/app', 'home/app/link'];
    expect(times.map((path) => lstatSync(join(out, path)).mtimeMs / 1000)).toEqual([
      1.6e9, 1.65e9, 1.65e9, 7,
    ]);
  });

  it('works for who is not root, into folders that forbid it, and with few descriptors', async ({
    skip,
  }) => {
    const place = join(root, 'other-user');
    mkdirSync(place);
    const user = otherUser(place);
    if (user === undefined) return skip('another user may not come to the program');
    chmodSync(place, 0o777);
    const [mine, theirs] = [join(root, 'as-root'), join(place, 'out')];
    const run = (to: string, through: readonly string[]) =>
      runCli(['flatten', from, '--to', to, '--store', join(place, 'store')], {
        through: [...through, 'sh', '-c', 'ulimit -n 128; exec "$0" "$@"'],
        env: { XDG_CONFIG_HOME: place },
      });
    expect(await run(theirs, user)).toMatchObject({ code: 0 });
    expect(await flatten(mine)).toMatchObject({ code: 0 });
    expect(listing(theirs)).toEqual(listing(mine));
    expect(attributes(theirs)).toBe(attributes(mine));
    // What is closed to them can be removed, and a command that fails removes it.
    writeFileSync(join(place, 'not-empty'), '');
    expect(await run(place, user)).toMatchObject({ code: 10 });
    expect(readdirSync(place).sort()).toEqual(['not-empty', 'out', 'store']);
  });
});

describe('osv-convert flatten leaves nothing behind', () => {
  const big = () => `oci:${join(root, 'big')}:t`;

  it.each(['SIGINT', 'SIGTERM'] as const)('when %s comes in the middle', async (signal) => {
    const place = join(root, signal);
    mkdirSync(place);
    const program = join(top, 'dist/bin/osv-convert.cjs');
    const words = ['flatten', big(), '--to', join(place, 'out'), '--progress', 'json'];
    const child = spawn(process.execPath, [program, ...words, '--store', store], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let talk = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      talk += text;
      if (!child.killed && talk.includes('"write"')) child.kill(signal);
    });
    expect(await once(child, 'close')).toEqual([130, null]);
    expect(talk).toContain('INTERRUPTED');
    expect(readdirSync(place)).toEqual([]);
  });

  it.runIf(namespaces).each([
    ['out', 'OUTPUT_FULL'],
    ['out.tar', 'OUTPUT_FULL'],
    ['out.rofs', 'OUTPUT_FULL'],
  ])('on a full disk, of %s', async (name, code) => {
    const disk = join(root, `full-${name}`);
    mkdirSync(disk);
    const words = ['flatten', big(), '--to', join(disk, name), '--store', store, '--quiet'];
    const looking = ['sh', '-c', '"$@"; code=$?; ls -A "$0"; exit $code', disk];
    const found = await runCli(words, { through: [...onSmallDisk(disk, '8m'), ...looking] });
    expect(found).toMatchObject({ code: 10, stdout: '' });
    expect(found.stderr).toContain(code);
    expect(found.stderr).toContain(`try: df -h ${disk}\n`);
  });

  it.runIf(namespaces)('on a disk that is read-only', async () => {
    const disk = join(root, 'read-only');
    mkdirSync(disk);
    const { code, stderr } = await flatten(join(disk, 'out'), ['--quiet'], {
      through: readOnly(disk),
    });
    expect(code).toBe(10);
    expect(stderr).toContain(`found the folder ${disk} not writable`);
  });

  it('in a folder of which it is not the first', async () => {
    const place = join(root, 'mine');
    mkdirSync(place);
    writeFileSync(join(place, 'file'), 'mine');
    const { code, stderr } = await flatten(place, ['--quiet']);
    expect(code).toBe(10);
    expect(stderr).toContain('"file" in it');
    expect(stderr).toContain('OUTPUT_UNUSABLE');
    expect(readdirSync(place)).toEqual(['file']);
  });
});

describe('osv-convert flatten refuses', () => {
  it.each([
    ['--json with stdout', ['-', '--json'], '--json'],
    ['a folder on stdout', ['-', '--type', 'dir'], '--type dir'],
    ['a compression it has not', ['a.tar.zst'], '.tar.zst'],
    ['a time that is none', ['out', '--mtime', 'yesterday'], 'yesterday'],
    ['a type that is none', ['out', '--type', 'zip'], 'zip'],
    ['the name of a disk', ['web.QCOW2'], 'osv-convert build REF -o web.qcow2'],
    ['a kind of file it has not', ['x.erofs'], '.erofs'],
    ['a device for stdout', ['/dev/stdout', '--type', 'tar'], '--to -'],
  ])('%s', async (_what, [to = '', ...args], found) => {
    const { code, stdout, stderr } = await flatten(to, args, { cwd: root });
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(found);
    expect(stderr).toContain('USAGE');
  });

  it('to write over the file it reads, under whatever name', async () => {
    const place = join(root, 'own');
    mkdirSync(place);
    const [tar, rofs] = [join(place, 'in.tar'), join(place, 'in.rofs')];
    const packed = ['save', from, '-o', tar, '--store', store];
    expect(await runCli(packed)).toMatchObject({ code: 0 });
    expect(await flatten(rofs)).toMatchObject({ code: 0 });
    symlinkSync('in.tar', join(place, 'link.tar'));
    linkSync(rofs, join(place, 'same'));
    for (const [subject, to, type] of [
      [`oci-archive:${tar}`, 'in.tar', 'tar'],
      [`oci-archive:${tar}:t`, 'link.tar', 'tar'],
      [`docker-archive:link.tar`, 'in.tar', 'tar.gz'],
      ['in.rofs', rofs, 'rofs'],
      [rofs, 'same', 'rofs'],
    ] as const) {
      const words = ['flatten', subject, '--to', to, '--type', type, '--store', store];
      const { code, stderr } = await runCli(words, { cwd: place });
      expect([code, stderr]).toEqual([2, expect.stringContaining('found the file that is read')]);
    }
    expect(readdirSync(place).sort()).toEqual(['in.rofs', 'in.tar', 'link.tar', 'same']);
  });

  it.runIf(has('script'))('to write a tar on a terminal', async () => {
    const program = join(top, 'dist/bin/osv-convert.cjs');
    const line = [process.execPath, program, 'flatten', from, '--to', '-', '--store', store];
    const { stdout, status } = spawnSync('script', ['-qefc', line.join(' '), '/dev/null'], {
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    expect(status).toBe(2);
    expect(stdout).toContain('found a terminal');
  });
});

describe('flattenTypeOf', () => {
  it.each([
    ['X.TAR', 'tar'],
    ['x.Tgz', 'tar.gz'],
    ['x.rofs', 'rofs'],
    ['web.raw/', 'dir'],
    ['web', 'dir'],
  ])('takes %s for a %s', (output, type) => {
    expect(flattenTypeOf(output)).toBe(type);
  });

  it.each(['raw', 'img', 'zip', 'CPIO', 'squashfs', 'ext4', 'tar.xz', 'tbz'])(
    'refuses a name that ends in .%s',
    (suffix) => {
      expect(() => flattenTypeOf(`x.${suffix}`)).toThrow(suffix);
    },
  );
});

describe('parseMtime', () => {
  it.each([
    ['0', 0],
    ['-5', -5],
    ['@1700000000', 1_700_000_000],
    ['2026-01-31', 1_769_817_600],
    ['2026-01-31T12:00:00Z', 1_769_860_800],
  ])('takes %s as %d', (text, seconds) => {
    expect(parseMtime(text)).toBe(seconds);
  });
});

describe('sourceDateEpoch', () => {
  it.each([
    [undefined, undefined],
    ['', undefined],
    ['0', 0],
    ['1700000000', 1_700_000_000],
  ])('is, where the variable is %j, %j', (text, seconds) => {
    expect(sourceDateEpoch({ SOURCE_DATE_EPOCH: text })).toBe(seconds);
  });

  it.each(['-1', '1.5', '2026-01-31', ' 1', '1e9'])('refuses %j', (text) => {
    expect(() => sourceDateEpoch({ SOURCE_DATE_EPOCH: text })).toThrow('SOURCE_DATE_EPOCH');
  });
});
