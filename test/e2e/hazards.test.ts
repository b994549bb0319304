import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compressionOf } from '../../store/inflate/inflate.ts';
import { findProgram } from '../support/docker-registry.ts';
import { hazards, manyLayers } from '../support/hazards/all.ts';
import { differenceFromUmoci, keepsAttributes } from '../support/hazards/attributes.ts';
import { differenceOf } from '../support/hazards/compare.ts';
import {
  type Differences,
  fromTar,
  fromTarList,
  fromUmoci,
} from '../support/hazards/differences.ts';
import { imageOfBlobs } from '../support/hazards/image.ts';
import {
  eightAtATime,
  listWithTar,
  openFolder,
  ordinaryUser,
  type User,
  unpackWithTar,
  unpackWithUmoci,
  users,
} from '../support/hazards/peers.ts';
import { lineOfMember, plainLine } from '../support/hazards/tar-list.ts';
import { type Outcome, unpack } from '../support/hazards/unpack.ts';
import { writeLayout } from '../support/layout.ts';
import { readTar } from '../support/read-tar.ts';
import { top } from '../support/top.ts';

const all: readonly (readonly [string, readonly Uint8Array[]])[] = [
  ...Object.entries(hazards),
  ['layers-127', manyLayers],
];
const ours = new Map<string, Outcome>();
let root = '';

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'osv-convert-hazards-'));
  chmodSync(root, 0o755);
  for (const [name, layers] of all) ours.set(name, await unpack(layers));
});
// Some paths in it are longer than Node can remove.
afterAll(() => execFileSync('rm', ['-rf', root]));

/** Differences of all hazards that have one, by name. */
async function differences(
  theirs: (name: string, layers: readonly Uint8Array[]) => Promise<string | undefined>,
  among = all,
): Promise<Readonly<Record<string, string>>> {
  const found = new Map<string, string>();
  await eightAtATime(among, async ([name, layers]) => {
    const difference = await theirs(name, layers);
    if (difference !== undefined) found.set(name, difference);
  });
  return Object.fromEntries(found);
}

/** The tools whose differences the tables have; others may have fewer. */
const known = { umoci: ' 0.4.7', tar: ' 1.34\n' } as const;

/** Every difference is in the table, and every one of the table is still found. */
function expectExplained(
  found: Readonly<Record<string, string>>,
  table: Differences,
  among: typeof all,
  tool: keyof typeof known,
): void {
  const explained = Object.values(table).flat();
  expect(Object.entries(found).filter(([name]) => !explained.includes(name))).toEqual([]);
  if (!execFileSync(tool, ['--version'], { encoding: 'utf8' }).includes(known[tool])) return;
  const compared = new Set(among.map(([name]) => name));
  expect(explained.filter((name) => compared.has(name) && !(name in found))).toEqual([]);
}

function oursOf(name: string): Outcome {
  const outcome = ours.get(name);
  if (outcome === undefined) throw new Error(`no hazard ${name}`);
  return outcome;
}

test('ARCHITECTURE.md has a paragraph for each difference', () => {
  const text = readFileSync(join(top, 'ARCHITECTURE.md'), 'utf8');
  const [, after = ''] = text.split('\n### Differences to umoci and GNU tar\n');
  const [section = ''] = after.split('\n## ');
  for (const table of [fromUmoci, fromTar, fromTarList]) {
    const headings = Object.keys(table);
    expect(headings.filter((heading) => !section.includes(`**${heading}.**`))).toEqual([]);
    expect(
      Object.values(table)
        .flat()
        .filter((name) => !(name in hazards)),
    ).toEqual([]);
  }
});

// A test that is not there would not be missed: the report names the tool that was.
for (const tool of ['umoci', 'tar'].filter((name) => findProgram(name) === undefined)) {
  test.skip(`what flatten gives equals ${tool} (left out: ${tool} is not installed)`, () => {});
}

describe.runIf(findProgram('umoci'))('what flatten gives equals umoci unpack --rootless', () => {
  let layouts = '';
  let kept = true;
  beforeAll(async () => {
    layouts = join(root, 'layouts');
    kept = keepsAttributes(root);
    if (!kept) console.log(`left out: owners and extended attributes, which ${root} does not keep`);
    for (const [name, layers] of all) {
      await writeLayout(join(layouts, name), 'it', await imageOfBlobs(layers));
    }
  });

  async function compared(name: string, bundles: string, user: User): Promise<string | undefined> {
    const bundle = join(bundles, name);
    const theirs = await unpackWithUmoci(join(layouts, name), 'it', bundle, user);
    return differenceFromUmoci(oursOf(name), theirs, join(bundle, 'rootfs'), kept);
  }

  test.each(Object.entries(users))('as %s', async (name, user) => {
    const bundles = await openFolder(join(root, `bundles ${name}`));
    const among = all.filter(([hazard]) => kept || hazard !== 'tar-pax-xattr-of-no-bytes');
    const found = await differences((hazard) => compared(hazard, bundles, user), among);
    expectExplained(found, fromUmoci, among, 'umoci');
  });
});

describe.runIf(findProgram('tar'))('what flatten gives equals GNU tar', () => {
  const plain = all.filter(
    ([, [first, ...more]]) =>
      first !== undefined &&
      more.length === 0 &&
      compressionOf(first) === undefined &&
      !Buffer.from(first).includes('.wh.'),
  );
  let tars = '';
  beforeAll(async () => {
    tars = await openFolder(join(root, 'tars'));
    for (const [name, [bytes]] of plain) writeFileSync(join(tars, `${name}.tar`), bytes ?? '');
  });

  test('when it extracts layers without whiteouts', async () => {
    const found = await differences(async (name) => {
      const folder = join(tars, name);
      const theirs = await unpackWithTar(join(tars, `${name}.tar`), folder, ordinaryUser);
      return differenceOf(oursOf(name), theirs, { owners: false });
    }, plain);
    expectExplained(found, fromTar, plain, 'tar');
  });

  test('when it lists the members of what is not refused', async () => {
    const accepted = plain.filter(([name]) => 'listed' in oursOf(name));
    const found = await differences(async (name, [bytes = Buffer.alloc(0)]) => {
      const our = membersOf(bytes).join('\n');
      const their = (await listWithTar(join(tars, `${name}.tar`))).map(plainLine).join('\n');
      return our === their ? undefined : `we: ${our}\nthey: ${their}`;
    }, accepted);
    expectExplained(found, fromTarList, accepted, 'tar');
  });
});

function membersOf(layer: Uint8Array): readonly string[] {
  return readTar(layer).flatMap((entry) =>
    entry.kind === 'whiteout' || entry.kind === 'opaque' ? [] : [lineOfMember(entry)],
  );
}
