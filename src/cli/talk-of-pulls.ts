import type { ConvertEvent, OnEvent } from '../event.ts';
import type { Session } from './session.ts';

/**
 * What a command that looks into images tells of them: nothing of what the store has already, until the
 * first bytes of a pull come, before which it is told after all. A program that reads events gets them all.
 */
export function talkOfPulls({ globals, onEvent }: Pick<Session, 'globals' | 'onEvent'>): OnEvent {
  if (globals.progress === 'json') return onEvent;
  let held: ConvertEvent[] | undefined = [];
  return (event) => {
    if (held && (event.event === 'resolved' || event.event === 'blob-present')) {
      held.push(event);
      return;
    }
    if (held && event.event === 'download') {
      for (const earlier of held) onEvent(earlier);
      held = undefined;
    }
    onEvent(event);
  };
}
