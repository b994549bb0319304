import { licenseExceptions, licenseIds } from './license-ids.ts';

/** `expression` is one of SPDX (spec 2.3, annex D); `id` where it is nothing but one license. */
export type License =
  | { readonly kind: 'id' | 'expression'; readonly text: string }
  /** What else stands there, such as `GPLv2+` or the names of several. */
  | { readonly kind: 'name'; readonly text: string };

const wordCap = 200;

/** What a license is, as databases of packages write it. */
export function readLicense(text: string): License {
  if (licenseIds.has(text)) return { kind: 'id', text };
  return { kind: isExpression(text) ? 'expression' : 'name', text };
}

/** Whether all of it is licenses of SPDX's list, joined by AND, OR and WITH, parentheses balanced. */
function isExpression(text: string): boolean {
  const words = text.match(/[()]|[^\s()]+/g) ?? [];
  if (words.length === 0 || words.length > wordCap) return false;
  let depth = 0;
  /** What may come next. */
  let wanted: 'license' | 'exception' | 'operator' = 'license';
  let mayHaveException = false;
  for (const word of words) {
    if (wanted === 'license' && word === '(') depth += 1;
    else if (wanted === 'license' && isLicense(word)) {
      wanted = 'operator';
      mayHaveException = true;
    } else if (wanted === 'exception' && licenseExceptions.has(word)) wanted = 'operator';
    else if (wanted === 'operator' && word === ')' && depth > 0) {
      depth -= 1;
      mayHaveException = false;
    } else if (wanted === 'operator' && (word === 'AND' || word === 'OR')) wanted = 'license';
    else if (wanted === 'operator' && word === 'WITH' && mayHaveException) {
      wanted = 'exception';
      mayHaveException = false;
    } else return false;
  }
  return wanted === 'operator' && depth === 0;
}

/** A plus says: or any later version. */
function isLicense(word: string): boolean {
  return licenseIds.has(word.endsWith('+') ? word.slice(0, -1) : word);
}
