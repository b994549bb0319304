import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { createValidator, documentsRead } from '../../schemas/index.ts';
import { traceLoading } from '../support/cli.ts';
import { top } from '../support/top.ts';

const descriptor = {
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  digest: `sha256:${'0'.repeat(64)}`,
  size: 7,
};

test('createValidator accepts a value and its foreign members when the schema allows them', async () => {
  const validate = await createValidator('store-index');
  expect(validate({ schemaVersion: 2, manifests: [descriptor], other: 1 })).toBeUndefined();
});

test.each([
  [[], 'at the top: found an array of 0, wanted it to be object'],
  [
    { schemaVersion: 2 },
    "at the top: found an object, wanted it to have required property 'manifests'",
  ],
  [
    { schemaVersion: 1, manifests: [] },
    'at /schemaVersion: found 1, wanted it to be equal to constant: 2',
  ],
  [
    { schemaVersion: 2, manifests: [{ ...descriptor, size: -1 }] },
    'at /manifests/0/size: found -1, wanted it to be >= 0',
  ],
  [
    {
      schemaVersion: 2,
      manifests: [{ ...descriptor, annotations: { a: 'x'.repeat(90), b: null } }],
    },
    'at /manifests/0/annotations/b: found null, wanted it to be string',
  ],
])(
  'createValidator names the path, the value found and the one wanted when given %j',
  async (value, sentence) => {
    const validate = await createValidator('store-index');
    expect(validate(value)).toBe(sentence);
  },
);

test('createValidator fails when there is no such schema', async () => {
  await expect(createValidator('nothing')).rejects.toThrow('nothing.schema.json');
});

test('documentsRead names every schema that the product checks a document against', () => {
  const files = ['src', 'store'].flatMap((name) =>
    readdirSync(join(top, name), { recursive: true, withFileTypes: true }).filter((file) =>
      file.name.endsWith('.ts'),
    ),
  );
  const texts = files.map(({ parentPath, name }) => readFileSync(join(parentPath, name), 'utf8'));
  const names = texts.flatMap((text) =>
    [...text.matchAll(/createValidator\('(.*?)'\)/g)].map(([, name]) => name),
  );
  // Chosen by what a document is: src/oci/links.ts.
  expect([...new Set([...names, 'descriptor'])].sort()).toEqual([...documentsRead]);
});

describe('the checks that the build has compiled', () => {
  const built = async (): Promise<typeof createValidator> =>
    (await import(pathToFileURL(join(top, 'dist/schemas/index.js')).href)).createValidator;

  test.each(documentsRead)('say of %s what those compiled now say', async (name) => {
    const [compiled, fresh] = [await (await built())(name), await createValidator(name)];
    for (const value of [{}, [], 'text', { schemaVersion: 2 }, { manifests: [descriptor] }]) {
      expect(compiled(value)).toBe(fresh(value));
    }
  });

  test('are no others', async () => {
    await expect((await built())('images')).rejects.toThrow('images.schema.json');
  });

  test('load no ajv', () => {
    const { stderr } = spawnSync(
      process.execPath,
      [...traceLoading, '--input-type=module', '-e', loadingAll],
      { encoding: 'utf8', cwd: top },
    );
    expect(stderr).toContain('/dist/schemas/compiled/manifest.js');
    expect(stderr).not.toContain('/node_modules/');
  });
  const loadingAll = `const { createValidator, documentsRead } = await import('./dist/schemas/index.js');
    for (const name of documentsRead) await createValidator(name);`;
});

const folder = new URL('../../schemas/', import.meta.url);

// createValidator does not look: it would take longer than all else at each start.
test.each(readdirSync(folder).filter((name) => name.endsWith('.json')))(
  '%s satisfies the schema of its dialect',
  (name) => {
    const ajv = new Ajv2020();
    const schema: object = JSON.parse(readFileSync(new URL(name, folder), 'utf8'));
    expect(schema).toMatchObject({ $schema: 'https://json-schema.org/draft/2020-12/schema' });
    expect(ajv.validateSchema(schema), ajv.errorsText()).toBe(true);
  },
);
