import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseReference } from '../../../src/oci/reference.ts';
import { createRegistrySource } from '../../../src/source/registry/registry.ts';
import { createAuthority, selfSignedCertificate } from '../../support/certificate.ts';
import { buildImage } from '../../support/image.ts';
import { file } from '../../support/layers.ts';
import { type Registry, startRegistry } from '../../support/registry/registry.ts';

const authority = createAuthority();
const image = buildImage({ layers: [[file('hello', 'world')]] });
let folder = '';
let registry: Registry;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'authorities-test-'));
  registry = await startRegistry({ images: { 'acme/app:1': image }, tls: authority.issue() });
});
afterEach(async () => {
  await registry.close();
  await rm(folder, { recursive: true, force: true });
});

async function pull(text: string): Promise<string> {
  const bundle = join(folder, 'bundle.pem');
  await writeFile(bundle, text);
  const env = { SSL_CERT_FILE: bundle, XDG_CONFIG_HOME: folder };
  const credentials = { find: async () => undefined };
  const reference = parseReference(`${registry.host}/acme/app:1`);
  const source = createRegistrySource(reference, { plainHttp: false, env, credentials });
  const { descriptor } = await source.resolve();
  for await (const _chunk of source.fetch(image.config));
  return descriptor.digest;
}

describe('a registry whose authority is not one of Node.js', () => {
  test('is pulled from when the system trusts it', async () => {
    expect(await pull(`# ours\n${selfSignedCertificate().cert}\n${authority.cert}`)).toBe(
      image.root.digest,
    );
  });

  test('is refused when the system does not trust it either', async () => {
    for (const text of [createAuthority().cert, 'nonsense', '']) {
      await expect(pull(text)).rejects.toMatchObject({ code: 'REGISTRY_TLS' });
    }
    expect(registry.requests).toEqual([]);
  });
});
