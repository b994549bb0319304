import { describe, expect, it } from 'vitest';
import { addressOptions, networkOf } from '../../../src/run/network.ts';
import { parseNetwork } from '../../../src/run/parse-network.ts';
import { networksOf } from '../../../src/run/plan-networks.ts';
import { parsePortForward } from '../../../src/run/port-forward.ts';

const usage = expect.objectContaining({ code: 'USAGE' });

function plan(words: readonly string[], forwards: readonly string[] = [], id = 'one') {
  return networksOf(words.map(parseNetwork), forwards.map(parsePortForward), id);
}

describe('parseNetwork', () => {
  it.each([
    ['none', { kind: 'none' }],
    ['user', { kind: 'user', restrict: false }],
    ['user,restrict', { kind: 'user', restrict: true }],
    ['user,hostname=web-1', { kind: 'user', restrict: false, hostname: 'web-1' }],
    ['tap:tap0', { kind: 'tap', device: 'tap0', restrict: false }],
    [
      'bridge:br-lan.2,mac=52:54:00:AB:CD:EF',
      { kind: 'bridge', device: 'br-lan.2', restrict: false, mac: '52:54:00:ab:cd:ef' },
    ],
    [
      'tap:t,ip=192.0.2.2/30,gateway=192.0.2.1,dns=198.51.100.9',
      {
        kind: 'tap',
        device: 't',
        restrict: false,
        address: { ip: '192.0.2.2', prefix: 30, gateway: '192.0.2.1', dns: '198.51.100.9' },
      },
    ],
  ])('reads %s', (text, wish) => {
    expect(parseNetwork(text)).toEqual(wish);
  });

  it.each([
    '',
    'host',
    'none,mac=52:54:00:00:00:01',
    'user:eth0',
    'tap',
    'tap:',
    'tap:a:b',
    'tap:-x',
    'tap:a/b',
    'tap:sixteen-letters-',
    'tap:t0,script=/bin/sh',
    'tap:t0,restrict',
    'tap:t0,hostname=web',
    'user,hostname=',
    'user,hostname=-web',
    'user,hostname=web,ip=10.0.2.15/24',
    `user,hostname=${'a'.repeat(64)}`,
    'user,restrict=off',
    'user,hostfwd=tcp::1-:1',
    'user,mac=1:2:3:4:5:6',
    'user,mac=01:00:5e:00:00:01',
    'user,mac=00:00:00:00:00:00',
    'user,mac',
    'user,ip=192.0.2.2',
    'user,ip=192.0.2.2/31',
    'user,ip=192.0.2.2/0',
    'user,ip=192.0.2.256/24',
    'user,ip=2001:db8::1/64',
    'user,ip=192.0.2.2/24/24',
    'user,ip=192.0.2.2/24,ip=192.0.2.3/24',
    'user,gateway=192.0.2.1',
    'user,dns=192.0.2.1',
    'user,ip=192.0.2.2/24,gateway=gw',
    'user,ip=192.0.2.2/24,gateway=198.51.100.1',
  ])('refuses %j', (text) => {
    expect(() => parseNetwork(text)).toThrow(usage);
  });
});

describe('networksOf', () => {
  it('gives a machine one user network with all forwards when nothing is said', () => {
    expect(plan([], ['8080:80'])).toMatchObject([
      { kind: 'user', restrict: false, forwards: [{ hostPort: 8080, guestPort: 80 }] },
    ]);
  });

  it('gives a machine no network when none is wanted', () => {
    expect(plan(['none'])).toEqual([]);
  });

  it('leads forwards through the first user network, wherever it stands', () => {
    expect(plan(['tap:t0', 'user', 'user'], ['1:2'])).toMatchObject([
      { kind: 'tap', device: 't0' },
      { kind: 'user', forwards: [{ guestPort: 2 }] },
      { kind: 'user', forwards: [] },
    ]);
  });

  it('makes MACs of the machine and the number of the card, the same ones each time', () => {
    const macs = (id: string): string[] => plan(['user', 'tap:t'], [], id).map(({ mac }) => mac);
    expect(macs('one')).toEqual(['52:54:00:f6:de:8d', '52:54:00:54:43:e2']);
    expect(new Set([...macs('one'), ...macs('two')]).size).toBe(4);
    expect(plan(['user,mac=52:54:00:00:00:01'])[0]?.mac).toBe('52:54:00:00:00:01');
  });

  it.each([
    [['none', 'user'], [], 'none beside other networks'],
    [['none'], ['1:2'], 'no user network'],
    [['tap:t'], ['1:2'], 'no user network'],
    [['tap:t,ip=192.0.2.2/24', 'user'], [], 'ip= for some networks'],
    [
      ['tap:t,ip=192.0.2.2/24,gateway=192.0.2.1', 'user,ip=10.0.0.2/8,gateway=10.0.0.1'],
      [],
      'gateway= more than once',
    ],
    [
      ['tap:t,ip=192.0.2.2/24,dns=192.0.2.1', 'user,ip=10.0.0.2/8,dns=10.0.0.1'],
      [],
      'dns= more than once',
    ],
    [['user,mac=52:54:00:00:00:01', 'tap:t,mac=52:54:00:00:00:01'], [], 'one MAC twice'],
  ])('refuses %j with the forwards %j', (words, forwards, found) => {
    expect(() => plan(words, forwards)).toThrow(usage);
    expect(() => plan(words, forwards)).toThrow(found);
  });
});

describe('addressOptions', () => {
  it('names the cards in their order, and gateway and DNS server once', () => {
    const networks = plan([
      'tap:t,ip=192.0.2.2/30,dns=192.0.2.9',
      'user,ip=10.1.2.3/9,gateway=10.1.0.1',
    ]);
    expect(addressOptions(networks)).toEqual([
      '--ip=eth0,192.0.2.2,255.255.255.252',
      '--ip=eth1,10.1.2.3,255.128.0.0',
      '--defaultgw=10.1.0.1',
      '--nameserver=192.0.2.9',
    ]);
  });

  it('tells several cards on user networks what DHCP would give them', () => {
    expect(addressOptions(plan(['user', 'user']))).toEqual([
      '--ip=eth0,10.0.2.15,255.255.255.0',
      '--ip=eth1,10.0.3.15,255.255.255.0',
      '--defaultgw=10.0.2.2',
      '--nameserver=10.0.2.3',
    ]);
  });

  it('leads out through the first network that leads out', () => {
    expect(addressOptions(plan(['user,restrict', 'user'])).slice(2)).toEqual([
      '--defaultgw=10.0.3.2',
      '--nameserver=10.0.3.3',
    ]);
    expect(addressOptions(plan(['user,restrict', 'user,restrict']))).toHaveLength(2);
  });

  it.each([
    { words: ['user'] },
    { words: ['user', 'tap:t'] },
    { words: ['user', 'user,hostname=web'] },
  ])('says nothing of $words, whose addresses come by DHCP', ({ words }) => {
    expect(addressOptions(plan(words))).toEqual([]);
  });
});

describe('networkOf', () => {
  it.each([
    ['192.0.2.130', 25, '192.0.2.128'],
    ['203.0.113.7', 1, '128.0.0.0'],
    ['10.20.30.40', 24, '10.20.30.0'],
  ])('of %s/%i is %s', (ip, prefix, network) => {
    expect(networkOf(ip, prefix)).toBe(network);
  });
});
