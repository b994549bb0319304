import type { ValidateFunction } from 'ajv';

/**
 * The check of `./NAME.schema.json`, compiled now. `npm run build` puts in the place of this file one
 * that has all checks compiled already (.ci/validators.mjs), so that what is installed needs no ajv.
 */
export async function compile(name: string): Promise<ValidateFunction> {
  const { createAjv, readSchema } = await import('./ajv.ts');
  return await createAjv().compileAsync(readSchema(`${name}.schema.json`));
}
