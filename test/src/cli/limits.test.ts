import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseLimits } from '../../../src/cli/limits.ts';
import { defaultLimits } from '../../../store/index.ts';
import { archiveOf, dockerMembers } from '../../support/archives.ts';
import { runCli } from '../../support/cli.ts';
import { buildImage } from '../../support/image.ts';
import { file } from '../../support/layers.ts';
import { writeLayout } from '../../support/layout.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const folder = temporaryFolder('cli-limits');
const at = (name: string): string => join(folder, name);

beforeAll(async () => {
  const items = Array.from({ length: 20 }, (_, n) => file(`file-${n}`, `${n}`));
  const image = buildImage({ layers: [items] });
  await writeLayout(at('layout'), 'many', image);
  await writeFile(at('many.tar'), archiveOf(dockerMembers([[['many:latest'], image]])));
  const config = { limits: { entries: 10, layerSize: 1_000_000 } };
  await writeFile(at('strict.json'), JSON.stringify(config));
  await writeFile(at('wrong.json'), '{"limits":{"entrys":10}}');
});

/** Pulls into a store of its own, without the configuration of whoever runs the tests. */
async function pull(words: readonly string[], name = `oci:${at('layout')}:many`) {
  const store = await mkdtemp(at('store-'));
  const args = [...words.slice(0, 2), 'pull', name, ...words.slice(2), '--store', store];
  return await runCli([...args, '--quiet'], { env: { XDG_CONFIG_HOME: folder } });
}

describe('osv-convert --limit', () => {
  it('stops a layer, and its hint lets it in', async () => {
    const refused = await pull(['--limit', 'entries=10']);
    expect(refused).toMatchObject({ code: 6, stdout: '' });
    expect(refused.stderr).toContain(
      'found entry number 11, wanted at most 10 (the limit entries, to be raised for an image you trust) (LAYER_LIMIT)\n' +
        '  try: osv-convert pull --limit entries=20 IMAGE --store ',
    );
    expect(refused.stderr).toMatch(/taking in the layer sha256:[\da-f]{64}: /);
    expect(await pull(['--limit', 'entries=20'])).toMatchObject({ code: 0 });
  });

  it('goes over the configuration file, and over what stands before it', async () => {
    const config = ['--config', at('strict.json')];
    expect(await pull(['--quiet', '--json', ...config])).toMatchObject({ code: 6 });
    const raised = ['--limit', 'entries=5', '--limit', 'entries=1k', '--limit', 'entries=20'];
    const wrong = await pull([...raised, ...config]);
    expect(wrong.stderr).toContain('reading --limit entries: found "1k", wanted a whole number');
    const right = raised.filter((_, at) => at !== 2 && at !== 3);
    expect(await pull([...right, ...config])).toMatchObject({ code: 0 });
  });

  it('holds for archives too', async () => {
    const archive = `docker-archive:${at('many.tar')}`;
    const refused = await pull(['--limit', 'nameLength=5'], archive);
    expect(refused.stderr).toContain('nameLength');
    expect(refused).toMatchObject({ code: 6 });
    expect(await pull(['--limit', 'nameLength=200'], archive)).toMatchObject({ code: 0 });
  });

  it('is refused when it names no limit, there as in the configuration file', async () => {
    const refused = await pull(['--limit', 'entrys=10']);
    expect(refused).toMatchObject({ code: 2 });
    expect(refused.stderr).toContain(
      `reading --limit: found "entrys=10", wanted NAME=VALUE, NAME one of ${Object.keys(defaultLimits).join(', ')}`,
    );
    const config = await pull(['--progress', 'none', '--config', at('wrong.json')]);
    expect(config).toMatchObject({ code: 2 });
    expect(config.stderr).toContain('CONFIG_FILE_INVALID');
  });

  it('leaves `ls-tags --limit` to what it is', async () => {
    const { stdout, stderr, code } = await runCli(['ls-tags', '--help']);
    expect(code, stderr).toBe(0);
    expect(stdout).toContain('--limit <n>');
    expect(stdout).not.toContain('--limit <name=value>');
  });
});

describe('parseLimits', () => {
  it('reads counts as they are, and sizes with units', () => {
    const words = ['entries=2000000', 'ratio=1000', 'layerSize=1.5G', 'holes=10', 'zstdWindow=1M'];
    expect(parseLimits([...words, 'holes=20KiB'])).toEqual({
      entries: 2_000_000,
      ratio: 1000,
      layerSize: 1.5 * 2 ** 30,
      holes: 20_480,
      zstdWindow: 2 ** 20,
    });
    expect(parseLimits([])).toEqual({});
  });

  it.each([
    'entries',
    '=5',
    'size=5',
    'toString=5',
    'entries=',
    'entries=0',
    'entries=-1',
    'entries=1.5',
    'entries=1e3',
    'layerSize=0',
    'layerSize=big',
    'layerSize=9999999999T',
  ])('refuses %j', (word) => {
    expect(() => parseLimits([word])).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });
});
