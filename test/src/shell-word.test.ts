import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { shellWord } from '../../src/shell-word.ts';

describe('shellWord', () => {
  it.each(['web.raw', 'oci:a:it', 'host/web@sha256:00', 'a,b=c+%'])(
    'leaves %s as it is',
    (text) => {
      expect(shellWord(text)).toBe(text);
    },
  );

  it.each(['', '~', 'a b', "it's", '$(id)`id`', 'a\nb', '*', '\\', '"', '!x', 'é', '; id'])(
    'gives %j to a shell as one word',
    (text) => {
      const script = `printf %s ${shellWord(text)}`;
      expect(execFileSync('sh', ['-c', script], { encoding: 'utf8' })).toBe(text);
    },
  );
});
