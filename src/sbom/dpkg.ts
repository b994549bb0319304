import type { Contents } from '../tree/contents.ts';
import { lookup } from '../tree/lookup.ts';
import type { Tree } from '../tree/tree.ts';
import type { Component } from './component.ts';
import { attemptToRead, bytesOf, openBudget, type Reading } from './damaged.ts';
import { componentOfPackage } from './distribution-package.ts';
import type { Distribution } from './os-release.ts';
import { readStanzas } from './stanzas.ts';

const statusCap = 64 << 20;
const fileCap = 10_000;
const packageCap = 100_000;

/**
 * What dpkg has installed: `/var/lib/dpkg/status`, and the files of `status.d`, in which images without
 * dpkg keep one package each.
 */
export function readDpkg(
  tree: Tree,
  contents: Contents,
  distribution: Distribution | undefined,
): Reading {
  const folder = '/var/lib/dpkg';
  const spend = openBudget(packageCap, 'packages');
  return [`${folder}/status`, ...statusFiles(tree, `${folder}/status.d`)].flatMap((name) => {
    const found = lookup(tree, name);
    if (found === undefined) return [];
    return attemptToRead(found.path, () =>
      installedIn(
        bytesOf(contents, found, statusCap).toString('utf8'),
        distribution,
        found.path,
        spend,
      ),
    );
  });
}

/** Beside each file of a package lie the sums of its files. */
function statusFiles(tree: Tree, path: string): readonly string[] {
  const folder = lookup(tree, path);
  if (folder?.node.kind !== 'directory') return [];
  return [...folder.node.entries.keys()]
    .filter((name) => !name.endsWith('.md5sums'))
    .sort()
    .slice(0, fileCap)
    .map((name) => `${folder.path}/${name}`);
}

function* installedIn(
  text: string,
  distribution: Distribution | undefined,
  path: string,
  spend: (count: number) => void,
): Generator<Component, void> {
  for (const stanza of readStanzas(text)) {
    spend(1);
    const name = stanza.get('Package');
    const version = stanza.get('Version');
    // A removed package stays in the database for as long as its configuration is there (dpkg(1)).
    const gone = / (not-installed|config-files)$/.test(stanza.get('Status') ?? '');
    if (!name || !version || gone) continue;
    yield componentOfPackage(
      {
        kind: 'deb',
        name,
        version,
        architecture: stanza.get('Architecture'),
        supplier: stanza.get('Maintainer'),
        source: stanza.get('Source'),
      },
      distribution,
      path,
    );
  }
}
