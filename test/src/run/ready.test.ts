import { describe, expect, it } from 'vitest';
import { createConsoleTail } from '../../../src/run/console-tail.ts';
import { parseNetwork } from '../../../src/run/parse-network.ts';
import { networksOf } from '../../../src/run/plan-networks.ts';
import { portTarget } from '../../../src/run/port-answers.ts';
import { parsePortForward } from '../../../src/run/port-forward.ts';
import { parseUserNetwork } from '../../../src/run/user-network.ts';

describe('createConsoleTail', () => {
  it('keeps the last 64 KiB, byte by byte or in big pieces', () => {
    const single = createConsoleTail();
    for (let at = 0; at < 140_000; at += 1) single.take(Buffer.of(at % 251));
    const big = createConsoleTail();
    big.take(Buffer.from(Array.from({ length: 140_000 }, (_, at) => at % 251)));
    expect(single.bytes()).toHaveLength(64 * 1024);
    expect(Buffer.compare(single.bytes(), big.bytes())).toBe(0);
    expect(single.bytes().at(-1)).toBe(139_999 % 251);
  });

  it('tells the last five lines that say something', () => {
    const tail = createConsoleTail();
    tail.take(Buffer.from('1\r\n2\r\n\r\n3\n \n4\r\n5\r\n6\xff'));
    expect(tail.lastLines()).toEqual(['2', '3', '4', '5', '6ÿ']);
    expect(createConsoleTail().lastLines()).toEqual([]);
  });

  it('sees a text that came before, comes later, or comes in two pieces', async () => {
    const tail = createConsoleTail();
    tail.take(Buffer.from('up and running'));
    await tail.sees('and');
    const later = tail.sees('žluť');
    const [first, ...rest] = Buffer.from('žluť');
    tail.take(Buffer.of(first ?? 0));
    tail.take(Buffer.from(rest));
    await later;
  });
});

describe('parseUserNetwork', () => {
  it('reads what the monitor says, and passes over what it does not know', () => {
    const text = [
      'Hub -1 (net0):',
      '  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ',
      '  TCP[SYN_SENT]      10       127.0.0.1 34059       10.0.2.15    80     0     0',
      '  TCP[HOST_FORWARD]   9               * 34059       10.0.2.15    80     0     0',
      '  UDP[HOST_FORWARD]   4       127.0.0.1 34631       10.0.2.15    53     0     0',
      '  ICMP[1 sec]         5       10.0.2.15     -        10.0.2.2     -     0     0',
      'Hub -1 (net1):',
      '',
    ].join('\r\n');
    const forward = { guestPort: 80, sourcePort: 34_059, protocol: 'tcp' };
    expect(parseUserNetwork(text)).toEqual([
      { ...forward, state: 'SYN_SENT', sourceAddress: '127.0.0.1' },
      { ...forward, state: 'HOST_FORWARD', sourceAddress: '0.0.0.0' },
      {
        protocol: 'udp',
        state: 'HOST_FORWARD',
        sourceAddress: '127.0.0.1',
        sourcePort: 34_631,
        guestPort: 53,
      },
    ]);
    expect(parseUserNetwork('')).toEqual([]);
  });
});

describe('portTarget', () => {
  function target(words: readonly string[], forwards: readonly string[]) {
    const networks = networksOf(words.map(parseNetwork), forwards.map(parsePortForward), 'one');
    return portTarget({ networks }, 80);
  }

  it('is a forward of TCP where there is one, else a static address that the host knows', () => {
    expect(target(['tap:t,ip=192.0.2.2/24', 'user,ip=10.0.2.15/24'], ['0:80'])).toEqual({
      kind: 'forward',
      guestPort: 80,
    });
    expect(target(['tap:t,ip=192.0.2.2/24'], [])).toEqual({
      kind: 'address',
      host: '192.0.2.2',
      port: 80,
    });
  });

  it.each([
    [['user'], ['80:8080']],
    [['user'], ['80:80/udp']],
    [['user,ip=10.0.2.15/24'], []],
    [['tap:t'], []],
    [['none'], []],
  ])('is refused for the networks %j with the forwards %j', (words, forwards) => {
    expect(() => target(words, forwards)).toThrow(
      expect.objectContaining({ code: 'USAGE', hint: '-p 80:80' }),
    );
  });
});
