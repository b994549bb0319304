import { describe, expect, test } from 'vitest';
import { checkCode } from '../../../src/check/app.ts';

const app = { assembly: '/app/app.dll', executable: '/usr/bin/dotnet' } as const;
const nothing = { used: [], imported: [], cryptography: [] };

function said(kind: 'framework-dependent' | 'native-aot', version?: string) {
  const [first] = checkCode(
    { ...app, kind, ...(version !== undefined && { version }) },
    nothing,
    new Map(),
  );
  return `${first?.evidence.found}: ${first?.consequence}`;
}

describe('checkCode', () => {
  test.each([
    ['10.0.12', '.NET 10.0'],
    ['10.0', '.NET 10.0'],
  ])('names the release and no patch when the version is %s', (version, found) => {
    expect(said('framework-dependent', version)).toBe(
      `${found}: a null reference ends the machine, even where NullReferenceException would be caught`,
    );
  });

  test('warns of divisions when .NET is older or of no known version', () => {
    expect(said('framework-dependent', '3.1.2')).toMatch(
      /^\.NET 3\.1: .*, and a division by zero may$/,
    );
    expect(said('framework-dependent')).toMatch(/^\.NET: .* may$/);
  });

  test('says of Native AOT what was seen of it', () => {
    expect(said('native-aot', '10.0.12')).toBe(
      'Native AOT: a null reference ends the machine, even where NullReferenceException would be caught',
    );
  });
});
