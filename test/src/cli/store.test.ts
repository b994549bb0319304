import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createValidator } from '../../../schemas/index.ts';
import { openStore } from '../../../store/index.ts';
import { loadedFiles, runCli, traceLoading } from '../../support/cli.ts';
import { blobPath, cli, cliJson, dir, fill, flip, root, web } from './store-cli.ts';

describe('osv-convert store', () => {
  it.each([
    ['store', '--help'],
    ['store', 'gc', '--help'],
  ])('loads commander and nothing heavier for %s %s %s', async (...args) => {
    const { code, stdout, stderr } = await runCli(args, { nodeArgs: traceLoading });
    expect(code).toBe(0);
    expect(stdout).not.toBe('');
    const heavy = loadedFiles(stderr).filter((file) => /^node_modules\/(?!commander\/)/.test(file));
    expect(heavy).toEqual([]);
  });

  it('prints JSON as the schemas describe it', async () => {
    await fill();
    const output = join(root, 'schemas.tar');
    const held = await cliJson(['hold', 'acme/web:1', '--for', '1h']);
    for (const [schema, args] of [
      ['store-path', ['path']],
      ['store-ls', ['ls', '--layers']],
      ['store-ls', ['ls']],
      ['store-du', ['du', '--duplicates']],
      ['store-du', ['du']],
      ['store-gc', ['gc', '--dry-run', '--older-than', '0s']],
      ['store-gc', ['gc']],
      ['verify', ['verify']],
      ['verify', ['verify', '--full', '--repair', '--offline']],
      ['store-leases', ['leases']],
      ['store-hold', ['hold', 'kernel/*']],
      ['store-leases', ['leases', '--delete', held.id]],
      ['store-export', ['export', '-o', output]],
      ['store-import', ['import', output]],
    ] as const) {
      const validate = await createValidator(schema);
      expect(validate(await cliJson(args)), args.join(' ')).toBeUndefined();
      expect(validate({}), schema).toBeDefined();
    }
  });

  it('writes nothing where there is no store yet', async () => {
    for (const args of [['ls'], ['du'], ['leases'], ['verify'], ['gc'], ['path']]) {
      expect(await cli(args)).toMatchObject({ code: 0 });
    }
    expect(existsSync(dir())).toBe(false);
  });
});

describe('osv-convert store path', () => {
  it('points at the help of the command that was typed', async () => {
    const { code, stderr } = await cli(['ls', '--bogus']);
    expect(code).toBe(2);
    expect(stderr).toContain('  try: osv-convert store ls --help\n');
  });

  it('says of a file that it is no folder', async () => {
    writeFileSync(dir(), '');
    const { code, stderr } = await cli(['ls']);
    expect(code).toBe(11);
    expect(stderr).toContain(`opening the store ${dir()}: found a file, wanted a folder`);
    const { stderr: below } = await cli(['ls'], {}, join(dir(), 'below'));
    expect(below).toContain('found a file on the way there (ENOTDIR)');
  });

  it('prints the folder, also of a store that cannot be opened', async () => {
    await fill();
    writeFileSync(join(dir(), 'oci-layout'), 'no JSON');
    expect((await cli(['path'])).stdout).toBe(`${dir()}\n`);
  });
});

describe('osv-convert store ls and du', () => {
  it('list names of all kinds with what they take', async () => {
    await fill();
    const { stdout } = await cli(['ls', '--layers']);
    const [heads = '', ...lines] = stdout.split('\n');
    expect(heads).toMatch(/^NAME +KIND +PLATFORM +SIZE +OWN +SHARED +LAST USED$/);
    expect(lines[0]).toMatch(
      /^docker.io\/acme\/web:1 +image +linux\/amd64 .* \d{4}-\d\d-\d\d \d\d:\d\dZ$/,
    );
    expect(lines[2]).toMatch(/^kernel\/v1 +kernel /);
    expect(stdout).toContain(`\n${web.layers[0]?.diffID} `);
    const { names } = await cliJson(['ls']);
    expect(names.map(({ kind }: { kind: string }) => kind)).toEqual([
      'image',
      'image',
      'kernel',
      'image',
    ]);
  });

  it('tell what nothing needs, and equal files', async () => {
    await fill();
    const { unreachable, duplicates } = await cliJson(['du', '--duplicates']);
    expect(unreachable).toBe('garbage'.length);
    expect(duplicates).toMatchObject({ files: 1, size: 3, largest: [{ count: 2 }] });
    const { stdout } = await cli(['du', '--duplicates']);
    expect(stdout).toMatch(/^of that nothing needs +7 B$/m);
    expect(stdout).toContain('\nequal to others: 1 file, 3 B\n');
    expect(stdout).toMatch(/^2 +3 B +3 B +(web|copy)$/m);
  });

  it('warn of damage', async () => {
    await fill();
    flip(blobPath(web.root.digest));
    for (const command of ['ls', 'du']) {
      const { code, stderr } = await cli([command]);
      expect(code).toBe(0);
      expect(stderr).toBe('warning: 1 damaged: osv-convert store verify --repair\n');
    }
  });
});

describe('osv-convert store hold and leases', () => {
  it('keep what a name stood for until the lease is deleted', async () => {
    await fill();
    const held = await cli(['hold', 'acme/web:1', '--for', '2h', '--purpose', 'a test']);
    expect(held.stderr).toMatch(/kept from gc until \d{4}-/);
    const id = held.stdout.trim();
    await runCli(['rm', 'acme/web:1', '--store', dir()]);
    await cli(['gc', '--older-than', '0s']);
    expect(existsSync(blobPath(web.root.digest))).toBe(true);
    const { leases } = await cliJson(['leases']);
    expect(leases).toMatchObject([{ id, purpose: 'a test', alive: true }]);
    expect((await cli(['leases'])).stdout).toMatch(new RegExp(`\\n${id} +a test +- +.* +2\\n$`));

    expect(await cliJson(['leases', '--delete', id])).toEqual({ deleted: id });
    await cli(['gc']);
    expect(existsSync(blobPath(web.root.digest))).toBe(false);
    expect((await cli(['leases', '--delete', id])).code).toBe(2);
  });

  it('refuse to delete the lease of a process that runs', async () => {
    await fill();
    const store = await openStore(dir(), { purpose: 'this test' });
    await store.hold([web.root.digest]);
    const { leases } = await cliJson(['leases']);
    const lease = leases.find(({ pid }: { pid?: number }) => pid === process.pid);
    const { code, stderr } = await cli(['leases', '--delete', lease.id]);
    expect(code).toBe(2);
    expect(stderr).toContain(`process ${process.pid} runs`);
    await store.close();
    expect((await cliJson(['leases'])).leases).toEqual([]);
  });

  it('say which name is not there', async () => {
    await fill();
    expect((await cli(['hold', 'acme/none:1'])).code).toBe(3);
  });
});
