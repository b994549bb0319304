import type { Contents } from '../tree/contents.ts';
import { lookup } from '../tree/lookup.ts';
import type { Tree } from '../tree/tree.ts';
import type { Component } from './component.ts';
import { attemptToRead, bytesOf, type Reading } from './damaged.ts';
import { componentOfPackage } from './distribution-package.ts';
import type { Distribution } from './os-release.ts';
import { readStanzas } from './stanzas.ts';

/** The second since apk 3; one may be a link to the other. */
const databases = ['/lib/apk/db/installed', '/usr/lib/apk/db/installed'];
const databaseCap = 64 << 20;

/** What apk has installed (apk-tools, `doc/apk-package.5.scd`: P name, V version, A architecture …). */
export function readApk(
  tree: Tree,
  contents: Contents,
  distribution: Distribution | undefined,
): Reading {
  const found = new Map(
    databases.flatMap((path) => {
      const one = lookup(tree, path);
      return one === undefined ? [] : [[one.path, one] as const];
    }),
  );
  return [...found.values()].flatMap((one) => {
    return attemptToRead(one.path, () =>
      packagesIn(bytesOf(contents, one, databaseCap).toString('utf8'), distribution, one.path),
    );
  });
}

function* packagesIn(
  text: string,
  distribution: Distribution | undefined,
  path: string,
): Generator<Component, void> {
  for (const stanza of readStanzas(text)) {
    const name = stanza.get('P');
    const version = stanza.get('V');
    if (!name || !version) continue;
    yield componentOfPackage(
      {
        kind: 'apk',
        name,
        version,
        architecture: stanza.get('A'),
        license: stanza.get('L'),
        supplier: stanza.get('m'),
        source: stanza.get('o'),
      },
      distribution,
      path,
    );
  }
}
