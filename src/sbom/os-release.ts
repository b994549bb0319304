import type { Contents } from '../tree/contents.ts';
import { lookup } from '../tree/lookup.ts';
import type { Tree } from '../tree/tree.ts';
import { bytesOf, type Unread, unreadOf } from './damaged.ts';

/** What an image says of its distribution (os-release(5)). */
export interface Distribution {
  /** `debian`, `alpine`, `azurelinux`. */
  readonly id: string;
  /** Empty where it has none, as in rolling ones. */
  readonly version: string;
  /** For people. */
  readonly name: string;
  /** The file that says so. */
  readonly path: string;
}

const cap = 64 << 10;
const valueCap = 200;

/** Undefined where the image says nothing. */
export function readDistribution(
  tree: Tree,
  contents: Contents,
): Distribution | Unread | undefined {
  const found = lookup(tree, '/etc/os-release') ?? lookup(tree, '/usr/lib/os-release');
  if (found === undefined) return undefined;
  try {
    return parse(bytesOf(contents, found, cap).toString('utf8'), found.path);
  } catch (error) {
    return unreadOf(found.path, error);
  }
}

function parse(text: string, path: string): Distribution | undefined {
  const values = new Map(
    [...text.matchAll(/^([A-Z_]+)=(.*)$/gm)].map(([, name = '', value = '']) => [
      name,
      unquoted(value.trim()).slice(0, valueCap),
    ]),
  );
  const id = values.get('ID') ?? '';
  // It becomes the namespace of every purl.
  if (!/^[a-z0-9][a-z0-9._-]*$/.test(id)) return undefined;
  const name = values.get('PRETTY_NAME') || values.get('NAME') || id;
  return { id, version: values.get('VERSION_ID') ?? '', name, path };
}

/** Values are words of a shell. */
function unquoted(value: string): string {
  const quote = value[0];
  if ((quote !== '"' && quote !== "'") || !value.endsWith(quote)) return value;
  return value.slice(1, -1).replace(/\\(["$`\\])/g, '$1');
}

/** The namespace of purls: purl-spec and vulnerability databases call one of them by its vendor. */
export function namespaceOf(distribution: Distribution | undefined): string | undefined {
  return distribution?.id === 'rhel' ? 'redhat' : distribution?.id;
}

/** The qualifier `distro` of purls: `debian-12`. */
export function distroOf(distribution: Distribution | undefined): string | undefined {
  if (distribution === undefined) return undefined;
  const { id, version } = distribution;
  return version === '' ? id : `${id}-${version}`;
}
