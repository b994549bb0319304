import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { defaultLimits } from '../../store/index.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { top } from '../support/top.ts';

const folder = temporaryFolder('config');

async function read(text: string) {
  const path = join(folder, 'config.json');
  await writeFile(path, text);
  return await readConfig(path, 'refused');
}

describe('readConfig', () => {
  it('reads mirrors in their order, and the platform', async () => {
    const config = {
      platform: 'linux/arm64',
      mirrors: {
        'docker.io': [
          { location: 'mirror.example:5000/hub', digestOnly: true },
          { location: 'localhost', plainHttp: false },
        ],
        'registry.example:443': [],
        '[::1]:5000': [{ location: '[::1]:6000/a/b' }],
      },
    };
    expect(await read(JSON.stringify(config))).toEqual(config);
    expect(await read('{}')).toEqual({ mirrors: {} });
  });

  it('reads what inflates, and refuses what is none', async () => {
    expect((await read('{"inflater":"node"}')).inflater).toBe('node');
    await expect(read('{"inflater":"pigz"}')).rejects.toMatchObject({
      code: 'CONFIG_FILE_INVALID',
      message: expect.stringContaining('at /inflater'),
    });
  });

  it('reads from when on a download is too slow, and refuses what is no time', async () => {
    const lowSpeed = { limit: 0, time: 300 };
    expect(await read(JSON.stringify({ lowSpeed }))).toEqual({ mirrors: {}, lowSpeed });
    await expect(read('{"lowSpeed":{"time":0}}')).rejects.toMatchObject({
      code: 'CONFIG_FILE_INVALID',
      message: expect.stringContaining('at /lowSpeed/time'),
    });
  });

  it('reads every limit there is', async () => {
    const config = { mirrors: {}, limits: defaultLimits };
    expect(await read(JSON.stringify(config))).toEqual(config);
  });

  it('reads the example of the README', async () => {
    const readme = await readFile(join(top, 'README.md'), 'utf8');
    const [, example = ''] = /```json\n(\{.*?\n\})\n```/s.exec(readme) ?? [];
    expect((await read(example)).mirrors['docker.io']).toHaveLength(2);
  });

  it.each([
    ['no JSON', '{"mirrors":', /found no JSON/],
    ['an array', '[]', /at the top: found an array of 0, wanted it to be object/],
    ['an unknown member', '{"mirror":{}}', /at the top: .*"mirror"/],
    [
      'a misspelt member of a mirror',
      '{"mirrors":{"docker.io":[{"location":"a.example","digestonly":true}]}}',
      /at \/mirrors\/docker\.io\/0: .*"digestonly"/,
    ],
    ['a limit that there is not', '{"limits":{"size":1}}', /at \/limits: .*"size"/],
    ['a limit of nothing', '{"limits":{"entries":0}}', /at \/limits\/entries: found 0/],
    ['a limit that is no number', '{"limits":{"ratio":"5"}}', /at \/limits\/ratio: found "5"/],
    ['a limit in parts', '{"limits":{"ratio":1.5}}', /at \/limits\/ratio: found 1\.5/],
    ['a limit beyond 2^53', '{"limits":{"holes":1e16}}', /at \/limits\/holes/],
    ['a mirror without a location', '{"mirrors":{"a.example":[{}]}}', /location/],
    ['a platform that is none', '{"platform":"toaster"}', /at \/platform: .*toaster/],
    ['a registry by another of its names', '{"mirrors":{"index.docker.io":[]}}', /docker\.io$/],
    ['a registry that is no host', '{"mirrors":{"hub":[]}}', /at \/mirrors\/hub: found "hub"/],
    [
      'a mirror that is no host',
      '{"mirrors":{"a.example":[{"location":"mirror/hub"}]}}',
      /at \/mirrors\/a\.example\/0\/location: found "mirror"/,
    ],
    [
      'a mirror with a scheme',
      '{"mirrors":{"a.example":[{"location":"https://mirror.example"}]}}',
      /at \/mirrors\/a\.example\/0\/location: .*https/,
    ],
  ])('refuses %s, naming the file and the place', async (_what, text, says) => {
    const failure = await read(text).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: 'CONFIG_FILE_INVALID',
      message: expect.stringMatching(says),
    });
    expect(failure).toMatchObject({
      message: expect.stringContaining(join(folder, 'config.json')),
    });
  });

  it('takes a missing file for an empty one only where that is allowed', async () => {
    const path = join(folder, 'none.json');
    expect(await readConfig(path, 'allowed')).toEqual({ mirrors: {} });
    await expect(readConfig(path, 'refused')).rejects.toMatchObject({
      code: 'CONFIG_FILE_INVALID',
      message: expect.stringContaining('found no such file, wanted a file'),
    });
    await expect(readConfig(folder, 'allowed')).rejects.toMatchObject({
      message: expect.stringContaining('found a folder, wanted a file'),
    });
  });
});
