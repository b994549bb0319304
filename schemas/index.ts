import type { ErrorObject } from 'ajv';
import { compile } from './compile.ts';

/** Says what is wrong with `value` in one sentence, or nothing when it satisfies the schema. */
export type Validate = (value: unknown) => string | undefined;

/**
 * The documents that the product reads, whose checks `npm run build` compiles (.ci/validators.mjs). The
 * other schemas tell of what it writes.
 */
export const documentsRead = [
  'config',
  'descriptor',
  'docker-archive',
  'hooks',
  'image-config',
  'image-index',
  'lock',
  'manifest',
  'report',
  'store-index',
  'tag-list',
] as const;

const validators = new Map<string, Promise<Validate>>();

/**
 * The check that `./NAME.schema.json` describes (JSON Schema draft 2020-12, ajv strict mode). A
 * schema may refer to a sibling by `"$ref": "NAME.schema.json"`. A check is loaded at the first call,
 * so that a command that validates nothing starts without it.
 */
export function createValidator(name: string): Promise<Validate> {
  const known = validators.get(name);
  if (known !== undefined) {
    return known;
  }
  const validator = validatorOf(name);
  validators.set(name, validator);
  return validator;
}

async function validatorOf(name: string): Promise<Validate> {
  const check = await compile(name);
  return (value) => (check(value) ? undefined : sentenceOf(check.errors ?? []));
}

/** Of several errors, as `anyOf` gives them, the one deepest in the document says most. */
function sentenceOf(errors: readonly ErrorObject[]): string {
  const depth = (error: ErrorObject) => error.instancePath.split('/').length;
  const [first] = [...errors].sort((a, b) => depth(b) - depth(a));
  if (first === undefined) {
    return 'found a value that does not satisfy its schema';
  }
  const where = first.instancePath === '' ? 'at the top' : `at ${shortened(first.instancePath)}`;
  const wanted = (first.message ?? 'must be valid').replace(/^must /, '');
  return `${where}: found ${shown(first.data)}, wanted it to ${wanted}${detailOf(first)}`;
}

function detailOf({ keyword, params }: ErrorObject): string {
  const detail: unknown = {
    additionalProperties: params['additionalProperty'],
    unevaluatedProperties: params['unevaluatedProperty'],
    const: params['allowedValue'],
    enum: params['allowedValues'],
  }[keyword];
  return detail === undefined ? '' : `: ${JSON.stringify(detail)}`;
}

function shown(value: unknown): string {
  if (Array.isArray(value)) {
    return `an array of ${value.length}`;
  }
  if (typeof value === 'object' && value !== null) {
    return 'an object';
  }
  const text = JSON.stringify(value) ?? String(value);
  return shortened(text);
}

/** Both the names and the values of a document are its maker's. */
function shortened(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
