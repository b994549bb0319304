import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { top } from '../top.ts';
import { filesOf, hazards } from './all.ts';
import { goldenOf, unpack } from './unpack.ts';

// Rebuilds the layers in fixtures/layers and what is expected of them; run by its rebuild.sh.
const folder = join(top, 'fixtures/layers');
await mkdir(folder, { recursive: true });
for (const name of await readdir(folder)) {
  if (name !== 'rebuild.sh') await rm(join(folder, name));
}
for (const [name, layers] of Object.entries(hazards)) {
  for (const [file, bytes] of filesOf(name, layers)) await writeFile(join(folder, file), bytes);
  await writeFile(join(folder, `${name}.txt`), goldenOf(await unpack(layers)));
}
