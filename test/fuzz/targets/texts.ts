import { isDeepStrictEqual } from 'node:util';
import { formatLocation, parseLocation } from '../../../src/oci/location.ts';
import { formatPlatform, parsePlatform } from '../../../src/oci/platform.ts';
import { formatReference, parseReference } from '../../../src/oci/reference.ts';
import { mutateBytes } from '../mutate-bytes.ts';
import { outcomeOf, refusal } from '../outcome.ts';
import type { Target } from '../target.ts';

const digest = `sha256:${'0123456789abcdef'.repeat(4)}`;

const texts = [
  'ubuntu',
  'library/ubuntu:22.04',
  'docker.io/library/ubuntu',
  `registry.example.com:5000/a/b-c__d.e/f:v1.0@${digest}`,
  `localhost/a@${digest}`,
  '[::1]:5000/a:b',
  '127.0.0.1:80/x',
  'oci:/path/to:tag',
  `oci-archive:file.tar:a/b:c`,
  `docker-archive:file.tar:a/b:c@${digest}`,
  'docker://ubuntu',
  'store:a/b:c',
  'linux/arm64/v8',
  'linux/amd64',
  'windows/amd64',
];

const codes = ['REFERENCE_INVALID', 'PLATFORM_INVALID', 'USAGE', 'LOCATION_INVALID'];

/** What users and files give for images and platforms: what is understood is understood the same again. */
export function textTarget(): Target {
  return {
    name: 'reference',
    input: (random) => mutateBytes(Buffer.from(random.pick(texts)), random),
    async run(input, random) {
      const text = Buffer.from(input).toString(random.chance(0.5) ? 'utf8' : 'latin1');
      again(text, parsePlatform, formatPlatform);
      again(text, parseLocation, formatLocation);
      return await outcomeOf(codes, () => {
        const parsed = parseReference(text);
        expectSame(parseReference(formatReference(parsed)), parsed);
      });
    },
  };
}

function again<T>(text: string, parse: (text: string) => T, format: (parsed: T) => string): void {
  let parsed: T;
  try {
    parsed = parse(text);
  } catch (error) {
    refusal(error, codes);
    return;
  }
  expectSame(parse(format(parsed)), parsed);
}

function expectSame(found: unknown, wanted: unknown): void {
  if (isDeepStrictEqual(found, wanted)) return;
  throw new Error(
    `written and read again: ${JSON.stringify(found)}, was ${JSON.stringify(wanted)}`,
  );
}
