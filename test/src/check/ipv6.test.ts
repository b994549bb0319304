import { describe, expect, test } from 'vitest';
import { checkAddresses } from '../../../src/check/addresses.ts';
import { checkCalls } from '../../../src/check/calls.ts';
import { scan } from '../../../src/check/scan.ts';
import { isUsuallyWritable } from '../../../src/check/writable.ts';
import { filesOfTree } from '../../../src/dotnet/files.ts';
import { openContents } from '../../../src/tree/contents.ts';
import { directory } from '../../../src/tree/nodes.ts';

const files = filesOfTree({ root: directory() }, openContents(new Map()));

function atAddresses(urls: string): readonly string[] {
  const app = { aspnet: true, args: [], workingDirectory: '/app' };
  const env = new Map([['ASPNETCORE_URLS', urls]]);
  return checkAddresses({ app, env, settings: [], exposed: [] }, files).map(
    ({ rule, severity, consequence }) => `${severity} ${rule}: ${consequence}`,
  );
}

describe('checkAddresses', () => {
  test.each(['http://[::]:8080', 'http://+:80;http://[::]:81', 'HTTP://[fe80::1%25eth0]:8080/'])(
    'tells that Kestrel cannot listen when the address is %s',
    (urls) => {
      expect(atAddresses(urls)).toEqual([
        'warning ipv6: OSv has no IPv6: Kestrel cannot listen, and the app ends at its start',
      ]);
    },
  );

  // Kestrel goes on with IPv4 there.
  test.each([
    'http://+:8080',
    'http://*:80',
    'http://0.0.0.0:80',
    'http://localhost:1;http://*:80',
  ])('is content when the address is %s', (urls) => {
    expect(atAddresses(urls)).toEqual([]);
  });
});

describe('checkCalls', () => {
  const check = (type: string, name: string, isLibrary = false): readonly string[] => {
    const assembly = {
      name: 'app',
      version: '1.0.0.0',
      machine: 0x14c,
      readyToRun: 'no',
      references: [],
      types: [],
      members: [{ type, name, signature: new Uint8Array() }],
      imports: [],
    } as const;
    const guest = { major: 10, env: new Map(), isWritable: isUsuallyWritable };
    const { used } = scan([{ file: '/app/app.dll', assembly, isLibrary }]);
    return checkCalls(used, guest).map(({ rule, severity }) => `${severity} ${rule}`);
  };

  test.each(['IPv6Any', 'IPv6Loopback'])(
    'finds IPAddress.%s in the code of the app alone',
    (name) => {
      expect(check('System.Net.IPAddress', name)).toEqual(['note ipv6']);
      expect(check('System.Net.IPAddress', name, true)).toEqual([]);
    },
  );

  test.each(['GetDrives', 'get_AvailableFreeSpace'])(
    'finds DriveInfo.%s, also in libraries',
    (name) => {
      expect(check('System.IO.DriveInfo', name)).toEqual(['note drives']);
      expect(check('System.IO.DriveInfo', name, true)).toEqual(['note drives']);
    },
  );

  test('has nothing against addresses of IPv4', () => {
    expect(check('System.Net.IPAddress', 'Any')).toEqual([]);
  });
});
