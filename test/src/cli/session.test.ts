import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { addGlobalOptions } from '../../../src/cli/globals.ts';
import { type Session, withSession } from '../../../src/cli/session.ts';
import { digestOf, openStore } from '../../../store/index.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const folder = temporaryFolder('session');

/** Types `kernel take WORDS…` to a program whose command does `work`. */
async function type(
  words: readonly string[],
  work: (session: Session) => Promise<void>,
): Promise<void> {
  const program = new Command('osv-convert').exitOverride();
  addGlobalOptions(program.command('kernel').command('take').argument('<what...>'))
    .option('--password <secret>')
    .action(async (_what, _options, command) => await withSession(command, work));
  const options = ['--quiet', '--store', folder, '--password', 'hush'];
  await program.parseAsync(['node', 'main.js', 'kernel', 'take', ...words, ...options]);
}

const leases = async () => await (await openStore(folder)).leases.list();

describe('withSession', () => {
  it.each([
    [['acme/web:1', 'out.img'], 'osv-convert kernel take acme/web:1 out.img'],
    [['user:secret@host/web'], 'osv-convert kernel take host/web'],
    [['docker://user:s@cret/@host/web:1'], 'osv-convert kernel take docker://host/web:1'],
    [[`web@sha256:${'a'.repeat(64)}`], `osv-convert kernel take web@sha256:${'a'.repeat(64)}`],
    [[`a:b@web@sha256:${'a'.repeat(64)}`], `osv-convert kernel take web@sha256:${'a'.repeat(64)}`],
  ])(
    'holds what is in use in the name of the command, without secrets: %j',
    async (words, purpose) => {
      await type(words, async ({ store }) => {
        await store.hold([digestOf(Buffer.from('something'))]);
        expect(await leases()).toMatchObject([{ purpose, alive: true }]);
      });
      expect(await leases()).toEqual([]);
    },
  );

  it('says on SIGINT what is true of every command', async () => {
    const waiting = type(['it'], async ({ signal }) => {
      process.emit('SIGINT');
      signal.throwIfAborted();
    });
    await expect(waiting).rejects.toThrow(
      'interrupted: the store is unharmed, and the command can be run again',
    );
  });

  it('lets go when its work fails', async () => {
    const failing = type(['it'], async ({ store }) => {
      await store.hold([digestOf(Buffer.from('something'))]);
      throw new Error('failed');
    });
    await expect(failing).rejects.toThrow('failed');
    expect(await leases()).toEqual([]);
  });
});
