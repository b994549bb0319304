import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { convert } from '../../src/convert.ts';
import { openStore } from '../../store/index.ts';

it('convert refuses to start when its report cannot be written', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'osv-convert-convert-'));
  try {
    const output = join(folder, 'web.raw');
    await mkdir(`${output}.json`);
    const store = await openStore(join(folder, 'store'));
    const options = { format: 'raw', boot: 'direct', hostEnv: {} } as const;
    // Nothing listens there: whoever pulls first fails otherwise.
    await expect(convert(store, '127.0.0.1:1/web', output, options)).rejects.toMatchObject({
      code: 'OUTPUT_UNUSABLE',
    });
    expect(await readdir(folder)).not.toContain('web.raw');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
