import { pax } from '../tar-builder.ts';
import { file, folder, type Hazards, hardLink, layer, layers, symlink } from './hazard.ts';

const merged = [folder('usr'), folder('usr/lib'), symlink('lib', 'usr/lib')];

/** `lN` leads to the folder `l0` over N links. */
function chain(length: number): readonly Uint8Array[] {
  const links = Array.from({ length }, (_, at) => symlink(`l${at + 1}`, `l${at}`));
  return [folder('l0'), ...links];
}

/** Hard links, and symbolic links in the parents of what follows them. */
export const links: Hazards = {
  'hard-link': layer(file('a', 'shared'), hardLink('b', 'a')),
  'hard-link-with-other-attributes': layer(
    file('a', 'shared', { mode: 0o640, uid: 1, gid: 2 }),
    hardLink('b', 'a', { mode: 0o777, uid: 3, gid: 4, mtime: 5 }),
  ),
  'hard-link-with-xattr': layer(
    file('a', 'shared'),
    pax([['SCHILY.xattr.user.of', 'link']]),
    hardLink('b', 'a'),
  ),
  'hard-link-of-hard-link': layer(file('a', 'shared'), hardLink('b', 'a'), hardLink('c', 'b')),
  'hard-link-to-itself': layers([file('a', 'kept')], [hardLink('a', 'a')]),
  'hard-link-to-itself-in-one-layer': layer(file('a', 'kept'), hardLink('a', 'a')),
  'hard-link-to-symlink': layer(file('t', 'target'), symlink('a', 't'), hardLink('b', 'a')),
  'hard-link-to-dangling-symlink': layer(symlink('a', 'nowhere'), hardLink('b', 'a')),
  'hard-link-to-folder': layer(folder('a'), hardLink('b', 'a')),
  'hard-link-to-nothing': layer(hardLink('b', 'a')),
  'hard-link-before-its-target': layer(hardLink('b', 'a'), file('a', 'late')),
  'hard-link-before-its-target-of-the-same-layer': layers(
    [file('a', 'old')],
    [hardLink('b', 'a'), file('a', 'new')],
  ),
  'hard-link-through-symlinked-folder': layer(
    ...merged,
    file('usr/lib/a', 'shared'),
    hardLink('b', 'lib/a'),
  ),
  'hard-link-over-a-folder': layers(
    [folder('b'), file('b/gone', ''), file('a', 'shared')],
    [hardLink('b', 'a')],
  ),
  'hard-link-across-layers': layers([file('a', 'shared')], [hardLink('b', 'a')]),
  'hard-link-across-layers-through-symlinked-folder': layers(
    [...merged, file('usr/lib/a', 'shared')],
    [hardLink('b', 'lib/a')],
  ),
  'hard-link-then-target-modified': layer(
    file('a', 'old'),
    hardLink('b', 'a'),
    file('a', 'modified'),
  ),
  'hard-link-then-target-modified-above': layers(
    [file('a', 'old'), hardLink('b', 'a')],
    [file('a', 'modified')],
  ),
  'hard-link-then-link-modified-above': layers(
    [file('a', 'old'), hardLink('b', 'a')],
    [file('b', 'modified')],
  ),
  'hard-link-broken-and-made-again': layers(
    [file('a', 'one'), hardLink('b', 'a')],
    [file('a', 'two'), hardLink('b', 'a')],
  ),
  'parent-absolute-symlink': layers(
    [folder('usr'), folder('usr/lib'), folder('opt'), symlink('opt/lib', '/usr/lib')],
    [file('opt/lib/a', 'in usr, not in opt')],
  ),
  'parent-relative-symlink': layers(merged, [file('lib/a', 'in usr')]),
  'parent-symlink-of-the-same-layer': layer(...merged, file('lib/a', 'in usr')),
  'parent-symlink-above-the-root': layers(
    [folder('usr'), folder('usr/lib'), symlink('usr/up', '../../../../usr/lib')],
    [file('usr/up/a', 'in usr')],
  ),
  'parent-chain-of-symlinks': layers(
    [folder('d'), symlink('c', 'd'), symlink('b', '/c'), symlink('a', './b/')],
    [file('a/f', 'in d')],
  ),
  'parent-of-40-symlinks': layers(chain(40), [file('l40/f', 'just so')]),
  'parent-of-41-symlinks': layers(chain(41), [file('l41/f', 'too many')]),
  'parent-dangling-symlink': layers(
    [symlink('run', '/var/run')],
    [file('run/pid', 'folders made')],
  ),
  'parent-symlink-loop': layers([symlink('a', 'b'), symlink('b', 'a')], [file('a/x', '')]),
  'parent-symlink-to-itself': layers([symlink('a', 'a')], [file('a/x', '')]),
  'parent-symlink-to-a-file': layers([file('t', 'gives way'), symlink('a', 't')], [file('a/x')]),
  'parent-file-of-the-layer-below': layers([file('a', 'gives way')], [file('a/b', 'above')]),
  'parent-file-of-the-same-layer': layer(file('a', 'in the way'), file('a/b', 'no')),
  'symlink-to-anything': layer(
    symlink('up', '../../../etc/shadow'),
    symlink('abs', '/etc/shadow'),
    symlink('self', 'self'),
    symlink('blank', ' '),
  ),
  'symlink-to-nothing': layer(symlink('a', '')),
  'symlink-target-of-4095-bytes': layer(
    pax([['linkpath', `/${'t/'.repeat(2047)}`]]),
    symlink('a', 'cut off'),
  ),
  'symlink-target-not-utf8': layer(symlink('a', Buffer.from([0xff, 0x2f, 0x80]))),
};
