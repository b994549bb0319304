import type { OnEvent } from '../../event.ts';

/** What cannot be read is not counted: without a word, its bytes would seem to be needed by nothing. */
export function warnOfDamage(count: number, onEvent: OnEvent): void {
  if (count === 0) return;
  onEvent({ event: 'warning', text: `${count} damaged: osv-convert store verify --repair` });
}
