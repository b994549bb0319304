import { expect, test } from 'vitest';
import { sarifOf } from '../../../src/check/sarif.ts';

test('sarifOf writes whole characters when names of an image are not UTF-8', () => {
  const tool = { name: 'osv-convert', version: '1.0.0' };
  const subject = { reference: 'oci:\udc80', digest: `sha256:${'a'.repeat(64)}`, tool };
  const log = sarifOf(subject, [
    {
      rule: 'missing-symbol',
      severity: 'warning',
      evidence: { file: '/app/\udcff.so', found: 'calls \udc80', alsoIn: ['/app/\udc81'] },
      consequence: 'it fails in \udc80',
      fix: '--drop \udc80',
    },
  ]);
  const strings: string[] = [];
  JSON.parse(JSON.stringify(log), (key, value) => {
    strings.push(key, ...(typeof value === 'string' ? [value] : []));
  });
  expect(strings.filter((text) => /\p{Surrogate}/u.test(text))).toEqual([]);
  expect(JSON.stringify(log)).toContain(
    'calls \ufffd: it fails in \ufffd. To change: --drop \ufffd.',
  );
});
