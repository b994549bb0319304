import { describe, expect, it } from 'vitest';
import { talkOfPulls } from '../../../src/cli/talk-of-pulls.ts';
import type { ConvertEvent } from '../../../src/event.ts';
import { parseDigest } from '../../../store/index.ts';

const digest = parseDigest(`sha256:${'a'.repeat(64)}`);
const resolved = { event: 'resolved', reference: 'web:1.0', digest } as const;
const present = { event: 'blob-present', digest, size: 1 } as const;
const warning = { event: 'warning', text: 'odd' } as const;
const download = { event: 'download', digest, received: 1, size: 2 } as const;

function told(progress: 'auto' | 'json', events: readonly ConvertEvent[]) {
  const heard: ConvertEvent[] = [];
  const globals = { store: '', json: false, quiet: false, progress, limit: [] };
  const talk = talkOfPulls({ globals, onEvent: (event) => void heard.push(event) });
  for (const event of events) talk(event);
  return heard;
}

describe('talkOfPulls', () => {
  it('drops what tells of the store when nothing is pulled', () => {
    expect(told('auto', [resolved, present, warning])).toEqual([warning]);
  });

  it('tells all of it, in its order, when something is pulled', () => {
    const events = [resolved, present, download, present];
    expect(told('auto', events)).toEqual(events);
  });

  it('drops nothing when a program reads it', () => {
    expect(told('json', [resolved, present])).toEqual([resolved, present]);
  });
});
