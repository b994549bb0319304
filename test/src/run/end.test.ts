import { describe, expect, it } from 'vitest';
import { type EndSigns, endOf } from '../../../src/run/end.ts';

const booted = 'OSv v0.57.0\r\nBooted up in 0.00 ms\r\nCmdline: /app/web\r\n';

function signs(console: string, more: Omit<EndSigns, 'console'> = {}): EndSigns {
  return { console: Buffer.from(booted + console), vmm: { code: 0, signal: null }, ...more };
}

describe('endOf', () => {
  it.each([
    ['hello\r\n', { how: 'powered-off' }],
    ['program /app/web returned 3\r\n', { how: 'powered-off', exitCode: 3 }],
    ['program /app/web returned -1\r\n', { how: 'powered-off', exitCode: -1 }],
    ['the program /app/web returned 3\r\n', { how: 'powered-off' }],
    ['Aborted\r\n\r\n[backtrace]\r\n0x0001 <abort+9>\r\n', { how: 'aborted', reason: 'Aborted' }],
    [
      'page fault outside application, addr: 0x10\r\n[registers]\r\nAborted\r\n[backtrace]\r\n',
      { how: 'aborted', reason: 'page fault outside application, addr: 0x10' },
    ],
    [
      '/lib/libx.so: failed looking up symbol foo\r\n\r\n[backtrace]\r\n0x0001 <f>\r\n',
      { how: 'aborted', reason: '/lib/libx.so: failed looking up symbol foo' },
    ],
    [
      'Failed to load object: /nothing. Powering off.\r\n',
      { how: 'aborted', reason: 'Failed to load object: /nothing. Powering off.' },
    ],
  ])('tells %j', (console, end) => {
    expect(endOf(signs(console))).toEqual(end);
  });

  it('takes the last exit code when programs ran one after the other', () => {
    const console = 'program /a returned 3\r\nprogram /b returned 4\r\n';
    expect(endOf(signs(console))).toEqual({ how: 'powered-off', exitCode: 4 });
  });

  it('knows an abort also from a QEMU that was killed, for such a guest may hang', () => {
    const killed = { vmm: { code: null, signal: 'SIGKILL' }, asked: 'time-out' } as const;
    expect(endOf(signs('Aborted\n[backtrace]\n', killed))).toMatchObject({ how: 'aborted' });
  });

  it.each([
    [{ vmm: { code: null, signal: 'SIGKILL' } }, { how: 'killed', signal: 'SIGKILL' }],
    [
      { talk: 'qemu: terminating on signal 15 from pid 7 (sh)' },
      { how: 'killed', signal: 'SIGTERM' },
    ],
    [{ asked: 'kill' }, { how: 'killed' }],
    [{ asked: 'time-out', vmm: { code: null, signal: 'SIGKILL' } }, { how: 'timed-out' }],
    [{ vmm: { code: 1, signal: null } }, { how: 'failed', exitCode: 1 }],
    [
      { vmm: { code: null, signal: 'SIGKILL' }, lost: '/srv/a' },
      { how: 'share-lost', folder: '/srv/a' },
    ],
    // It ended by itself, and a server only before it was gone.
    [{ lost: '/srv/a' }, { how: 'powered-off' }],
    [
      {
        vmm: { code: null, signal: 'SIGKILL' },
        talk: 'qemu: terminating on signal 15 from pid 7 (sh)',
        lost: '/srv/a',
      },
      { how: 'killed', signal: 'SIGKILL' },
    ],
  ] as const)('tells what was done to QEMU: %j', (more, end) => {
    expect(endOf(signs('hello\r\n', more))).toEqual(end);
  });

  it('is unknown when nobody saw QEMU end', () => {
    expect(endOf({ console: Buffer.from(booted) })).toEqual({ how: 'unknown' });
  });

  it('quotes at most 400 characters of a reason', () => {
    const end = endOf(signs(`Assertion failed: ${'x'.repeat(5000)}\nAborted\n`));
    expect(end).toMatchObject({ how: 'aborted', reason: expect.stringMatching(/^.{400}$/) });
  });
});
