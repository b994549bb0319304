import type { OnEvent } from './event.ts';

/** Passes events on, and keeps what they warn of. */
export function hearWarnings(onEvent: OnEvent | undefined): {
  readonly warnings: readonly string[];
  readonly onEvent: OnEvent;
} {
  const warnings: string[] = [];
  return {
    warnings,
    onEvent(event) {
      if (event.event === 'warning') warnings.push(event.text);
      onEvent?.(event);
    },
  };
}
