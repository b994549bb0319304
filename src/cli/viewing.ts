import { setImmediate as turn } from 'node:timers/promises';
import type { Command } from 'commander';
import type { View } from '../look/view.ts';
import { addGlobalOptions } from './globals.ts';
import { addObtainOptions, type ObtainOptions, pullOptionsOf } from './source-options.ts';
import { talkOfPulls } from './talk-of-pulls.ts';

/** A command that looks into a file system. */
export interface Viewing {
  readonly view: View;
  readonly json: boolean;
  readonly signal: AbortSignal;
  /** Prints a part of the result; Ctrl-C is heard between two of them. */
  write(part: string | Uint8Array): Promise<void>;
}

/** What every such command takes first. */
export const subjectArgument = [
  '<subject>',
  'an image (a reference, oci:DIR[:TAG], oci-archive:FILE, docker-archive:FILE, store:NAME), ' +
    'layer:DIGEST (the beginning is enough), or the file of a disk or a ROFS',
] as const;

/** The options of a command that looks into a file system; an image may have to be pulled. */
export function addViewOptions(command: Command): Command {
  return addGlobalOptions(addObtainOptions(command));
}

export async function withViewing(
  command: Command,
  subject: string,
  options: ObtainOptions,
  use: (viewing: Viewing) => Promise<void>,
): Promise<void> {
  const { withSession } = await import('./session.ts');
  const { withView } = await import('../look/view.ts');
  await withSession(command, async ({ globals, store, onEvent, signal, write }) => {
    const talk = talkOfPulls({ globals, onEvent });
    const told = await pullOptionsOf(options, process.env);
    await withView(store, subject, { ...told, onEvent: talk, signal }, async (view) => {
      await use({
        view,
        json: globals.json,
        signal,
        write: async (part) => {
          await turn();
          signal.throwIfAborted();
          await write(part);
        },
      });
    });
  });
}
