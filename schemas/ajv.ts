import { readFileSync } from 'node:fs';
import type { CodeOptions } from 'ajv';
import { Ajv2020, type AnySchemaObject } from 'ajv/dist/2020.js';

/** The compiler of our schemas (JSON Schema draft 2020-12, strict mode) and of their siblings. */
export function createAjv(code: CodeOptions = {}): Ajv2020 {
  return new Ajv2020({
    strict: true,
    discriminator: true,
    verbose: true,
    validateSchema: false,
    code,
    loadSchema: async (file) => readSchema(file),
  });
}

/** Without `$schema`, at which ajv would compile the schema of schemas: longer than all else we do. */
export function readSchema(file: string): AnySchemaObject {
  const text = readFileSync(new URL(`./${file}`, import.meta.url), 'utf8');
  const { $schema: _dialect, ...schema }: AnySchemaObject = JSON.parse(text);
  return schema;
}
