import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runCli } from '../../support/cli.ts';
import { otherUser } from '../../support/other-user.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'closed-test-'));
});
afterEach(async () => {
  await chmod(join(folder, 'containers/certs.d'), 0o755);
  await rm(folder, { recursive: true, force: true });
});

test('readCertificates passes by a certs.d folder that is closed to the user', async ({ skip }) => {
  const certificates = join(folder, 'containers/certs.d');
  await mkdir(join(certificates, 'registry.invalid'), { recursive: true });
  const user = otherUser(folder);
  if (user === undefined) return skip('another user may not come to the program');
  await chmod(folder, 0o777);
  await chmod(certificates, 0);
  const command = ['pull', 'registry.invalid/acme/app:1', '--store', join(folder, 'store')];
  const env = { XDG_CONFIG_HOME: folder, XDG_RUNTIME_DIR: folder, DOCKER_CONFIG: folder };
  const pulled = await runCli(command, { through: user, env });
  expect(pulled.stderr).toContain('REGISTRY_UNREACHABLE');
});
