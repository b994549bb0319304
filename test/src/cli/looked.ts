import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect } from 'vitest';
import { createValidator } from '../../../schemas/index.ts';
import { type View, withView } from '../../../src/look/view.ts';
import { planRofs } from '../../../src/rofs/plan.ts';
import { directory, fileOfBytes, symlink } from '../../../src/tree/nodes.ts';
import type { Node } from '../../../src/tree/tree.ts';
import { decodeName, openStore } from '../../../store/index.ts';
import { type CliResult, runCli } from '../../support/cli.ts';
import { buildImage } from '../../support/image.ts';
import * as item from '../../support/layers.ts';
import { writeLayout } from '../../support/layout.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { imageOf } from '../rofs/image.ts';

/** A name that is no UTF-8 and would move the cursor. */
export const hostile = `${decodeName(Buffer.of(0xff))}\n\x1b[31m`;

export const time = 1_700_000_000;
export const library = 'x'.repeat(3 * 2 ** 20 + 1);

const image = buildImage({
  layers: [
    [
      item.directory('etc', { mtime: time + 0.25 }),
      item.file('etc/hosts', 'localhost\n'),
      item.file('old', 'old'),
      item.directory('usr'),
      item.directory('usr/lib'),
      item.file('usr/lib/a.so', library, { mode: 0o755, mtime: time }),
      item.hardlink('usr/lib/b.so', 'usr/lib/a.so'),
      item.symlink('lib', 'usr/lib'),
      item.special('dev/null', 'character', 1, 3),
    ],
    [
      item.whiteout('old'),
      item.opaque('etc'),
      item.file('etc/passwd', 'root\n', {
        ...{ mode: 0o4640, uid: 7, gid: 42 },
        xattrs: { 'user.note': Buffer.from('a\n').toString('base64') },
      }),
      item.file(hostile, 'hostile\n'),
    ],
  ],
});

export const upper = image.layers[1]?.diffID ?? '';
export const layer = `layer:${upper.slice('sha256:'.length, 'sha256:'.length + 12)}`;
export const name = 'localhost/layout:it';
export const folder = temporaryFolder('look');
export const disk = join(folder, 'app.rofs');

beforeAll(async () => {
  await writeLayout(join(folder, 'layout'), 'it', image);
  expect((await run('pull', `oci:${join(folder, 'layout')}:it`)).code).toBe(0);
  const shared = fileOfBytes(Buffer.from('shared\n'));
  const app = new Map<string, Node>([
    ['one', shared],
    ['two', shared],
  ]);
  const entries = new Map<string, Node>([
    ['app', directory(app)],
    ['current', symlink('app/one')],
  ]);
  await writeFile(disk, imageOf(planRofs({ root: directory(entries) })));
});

/** What a command does with the store that has the image. */
export async function run(...args: readonly string[]): Promise<CliResult> {
  return await runCli([...args, '--quiet'], { env: { OSV_CONVERT_STORE: join(folder, 'store') } });
}

/** What a command prints that must succeed. */
export async function ok(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(...args);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  return stdout;
}

/** What a command would print of a subject, without a process of its own. */
export async function seen(
  subject: string,
  print: (view: View) => Iterable<string>,
): Promise<string> {
  const store = await openStore(join(folder, 'store'));
  try {
    return await withView(store, subject, { offline: true }, async (view) =>
      [...print(view)].join(''),
    );
  } finally {
    await store.close();
  }
}

/** JSON that satisfies its schema. */
export async function checked(schema: string, text: string) {
  const value = JSON.parse(text);
  const validate = await createValidator(schema);
  expect(validate(value)).toBeUndefined();
  return value;
}
