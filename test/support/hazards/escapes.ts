import { gnuLong, pax } from '../tar-builder.ts';
import {
  file,
  folder,
  type Hazards,
  hardLink,
  layer,
  layers,
  opaque,
  symlink,
  whiteout,
} from './hazard.ts';

/** A folder that no test has, high above it. */
const outside = '../../../../../../../../osv-convert-escaped';

/** Attempts to reach out of the folder that an image is unpacked into. */
export const escapes: Hazards = {
  'escape-dotdot': layer(file('../escaped', 'out')),
  'escape-dotdot-deep': layer(file(`a/${outside}`, 'out')),
  'escape-dotdot-that-stays-inside': layer(folder('a'), file('a/../b', 'in')),
  'escape-dotdot-at-the-end': layer(folder('a'), folder('a/..', { mode: 0o700 })),
  'escape-dotdot-in-pax-path': layer(pax([['path', outside]]), file('harmless', 'out')),
  'escape-dotdot-in-gnu-name': layer(gnuLong('L', outside), file('harmless', 'out')),
  'escape-dotdot-in-prefix': layer(file('escaped', 'out', { prefix: '../..' })),
  'escape-dotdot-in-sparse-name': layer(
    pax([
      ['GNU.sparse.major', '1'],
      ['GNU.sparse.minor', '0'],
      ['GNU.sparse.realsize', '0'],
      ['GNU.sparse.name', outside],
    ]),
    file('harmless', '0\n'.padEnd(512, '\0')),
  ),
  'escape-absolute-name': layer(file('/osv-convert-escaped', 'in the root')),
  'escape-absolute-name-of-many-slashes': layer(file('//etc//osv-convert', 'in the root')),
  'escape-symlink-up-then-file': layer(symlink('a', outside), file('a/b', 'in the root')),
  'escape-symlink-up-then-file-above': layers(
    [symlink('a', outside)],
    [file('a/b', 'in the root')],
  ),
  'escape-symlink-absolute-then-file': layer(
    folder('d'),
    symlink('d/a', '/osv-convert-escaped'),
    file('d/a/b', 'in the root'),
  ),
  'escape-symlink-to-the-root-then-file': layer(symlink('a', '/'), file('a/b', 'in the root')),
  'escape-symlink-then-file-of-its-name': layer(
    symlink('a', '/osv-convert-escaped'),
    file('a', 'replaces the link'),
  ),
  'escape-symlink-chain': layer(
    folder('d'),
    symlink('d/a', '..'),
    symlink('d/b', 'a/..'),
    symlink('d/c', 'b/../osv-convert-escaped'),
    file('d/c/f', 'in the root'),
  ),
  'escape-symlink-then-folder-mode': layer(symlink('a', '/'), folder('a', { mode: 0o700 })),
  'escape-symlink-behind-a-folder': layers(
    [folder('a'), folder('a/b')],
    [symlink('a', '/')],
    [file('a/b/c', 'in the root')],
  ),
  'escape-hard-link-dotdot': layer(hardLink('a', '../../../../../../../../etc/passwd')),
  'escape-hard-link-absolute': layer(hardLink('a', '/etc/passwd')),
  'escape-hard-link-absolute-to-own-file': layer(file('t', 'own'), hardLink('a', '/t')),
  'escape-hard-link-through-symlink': layer(symlink('etc', '/etc'), hardLink('a', 'etc/passwd')),
  'escape-hard-link-to-symlink-then-file': layer(
    symlink('l', '/osv-convert-escaped'),
    hardLink('a', 'l'),
    file('a', 'replaces the link'),
  ),
  'escape-hard-link-then-write': layer(
    symlink('l', '/etc'),
    hardLink('a', 'l'),
    file('a/osv-convert', 'in the root'),
  ),
  'escape-whiteout-dotdot': layer(whiteout('../escaped')),
  'escape-whiteout-through-symlink': layers(
    [symlink('a', '../..'), file('tmp', 'gone')],
    [whiteout('a/tmp')],
  ),
  'escape-opaque-through-symlink': layers([symlink('a', '/'), file('tmp', 'gone')], [opaque('a')]),
};
