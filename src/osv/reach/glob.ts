/**
 * Whether one of `globs` matches an absolute path, or a folder above it: `*` and `?` stand for any but a
 * slash, `**` for anything. A glob without a slash is one of names anywhere.
 */
export function matcherOf(globs: readonly string[]): (path: string) => boolean {
  const patterns = globs.map((glob) => {
    const body = glob
      .replace(/\/+$/, '')
      .split(/(\*\*|\*|\?)/)
      .map((part) => wildcards[part] ?? part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
      .join('');
    return new RegExp(`${glob.includes('/') ? '^' : '/'}${body}(?:/|$)`, 's');
  });
  return (path) => patterns.some((pattern) => pattern.test(path));
}

const wildcards: Readonly<Record<string, string>> = { '**': '.*', '*': '[^/]*', '?': '[^/]' };
