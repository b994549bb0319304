import { join } from 'node:path';
import { beforeAll } from 'vitest';
import { type Checked, check } from '../../../src/check.ts';
import { openStore, type Store } from '../../../store/index.ts';
import type { BuiltImage } from '../../support/image.ts';
import { writeLayout } from '../../support/layout.ts';
import { runtimeFolder } from '../../support/published-apps.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

/** What every managed app is told, where there is no kernel to check against. */
export const usual = ['note hardware-exceptions', 'note kernel-unknown', 'note memory'];

export const folder = temporaryFolder('check');
export let store: Store;
let dotnet = '';

beforeAll(async () => {
  store = await openStore(join(folder, 'store'));
  dotnet = await runtimeFolder(join(folder, 'dotnet'));
});

let count = 0;

/** What `check` says of the image, whose runtime is that of the fixtures. */
export async function checkImage(
  image: BuiltImage,
  options: Partial<Parameters<typeof check>[2]> = {},
): Promise<Checked> {
  count += 1;
  const layout = join(folder, `layout-${count}`);
  await writeLayout(layout, 'app', image);
  return await check(store, `oci:${layout}:app`, { runtime: dotnet, hostEnv: {}, ...options });
}

/** `severity rule`, without what every managed app is told. */
export function unusual({ findings }: Checked): readonly string[] {
  return findings
    .map(({ severity, rule }) => `${severity} ${rule}`)
    .filter((one) => !usual.includes(one));
}
