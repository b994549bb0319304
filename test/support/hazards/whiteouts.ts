import { Buffer } from 'node:buffer';
import { archive, member, pax } from '../tar-builder.ts';
import {
  file,
  folder,
  type Hazards,
  hardLink,
  layer,
  layers,
  mtime,
  opaque,
  symlink,
  whiteout,
} from './hazard.ts';

const old = [
  folder('a', { mode: 0o700 }),
  file('a/old', 'lower'),
  folder('a/sub', { mode: 0o700 }),
  file('a/sub/old', 'lower'),
];
const renewed = [file('a/new', 'upper'), folder('a/sub'), file('a/sub/new', 'upper')];
const merged = [folder('usr'), folder('usr/lib'), symlink('lib', 'usr/lib')];

/** What a layer hides of those below it. */
export const whiteouts: Hazards = {
  'whiteout-of-file': layers([file('a/b', 'gone'), file('a/c', 'kept')], [whiteout('a/b')]),
  'whiteout-of-folder': layers(old, [whiteout('a')]),
  'whiteout-of-symlink': layers(
    [folder('t'), file('t/x', 'kept'), symlink('a', 't')],
    [whiteout('a')],
  ),
  'whiteout-of-ancestor-before-children': layers(old, [whiteout('a'), ...renewed]),
  'whiteout-of-ancestor-after-children': layers(old, [...renewed, whiteout('a')]),
  'whiteout-in-a-single-layer': layer(file('a', 'kept'), whiteout('a')),
  'whiteout-before-the-file-itself': layers([file('a', 'old')], [whiteout('a'), file('a', 'new')]),
  'whiteout-after-the-file-itself': layers([file('a', 'old')], [file('a', 'new'), whiteout('a')]),
  'whiteout-of-nothing': layers(
    [file('a', 'kept')],
    [whiteout('x'), whiteout('x/y'), whiteout('a/b')],
  ),
  'whiteout-in-a-symlink-loop': layers([symlink('loop', 'loop')], [whiteout('loop/x')]),
  'whiteout-that-is-a-folder': layers(
    [file('a', 'gone'), file('b', 'kept')],
    [member({ name: '.wh.a', type: '5', mode: 0o755, mtime })],
  ),
  'whiteout-that-is-a-device': layers(
    [file('a', 'gone'), file('b', 'kept')],
    [member({ name: '.wh.a', type: '3', mode: 0, mtime })],
  ),
  'whiteout-with-a-body': layers([file('a', 'gone')], [file('.wh.a', 'ignored'), file('b', 'n')]),
  'whiteout-through-symlinked-folder': layers(
    [...merged, file('usr/lib/x', 'gone')],
    [whiteout('lib/x')],
  ),
  'whiteout-of-symlink-behind-what-went-through-it': layers(
    [folder('t'), symlink('a', 't')],
    [file('a/x', 'in t'), whiteout('a'), file('a/y', 'in a')],
  ),
  'whiteout-of-hard-link-target': layers([file('a', 'kept'), hardLink('b', 'a')], [whiteout('a')]),
  'whiteout-of-hard-link-target-in-its-layer': layers(
    [file('a', 'kept')],
    [hardLink('b', 'a'), whiteout('a')],
  ),
  'whiteout-before-hard-link': layers([file('a', 'gone')], [whiteout('a'), hardLink('b', 'a')]),
  'whiteout-then-folder-made-again': layers(old, [whiteout('a')], [folder('a'), ...renewed]),
  'whiteout-and-folder-made-again': layers(old, [whiteout('a'), folder('a'), ...renewed]),
  'whiteout-after-folder-made-again': layers(old, [folder('a'), ...renewed, whiteout('a')]),
  'whiteout-then-file-in-another-place': layers(
    [folder('a'), file('a/x', 'gone')],
    [whiteout('a'), file('b', 'n')],
    [file('a/y', 'a is made anew')],
  ),
  'whiteout-twice': layers([file('a', 'gone')], [whiteout('a'), whiteout('a')]),
  'whiteout-of-dot': layers([folder('a'), file('a/b', 'kept')], [file('a/.wh..')]),
  'whiteout-of-dotdot': layers([folder('a'), file('a/b', 'kept')], [file('a/.wh...')]),
  'whiteout-of-an-empty-name': layers([folder('a'), file('a/b', 'kept')], [file('a/.wh.')]),
  'whiteout-of-name-that-begins-with-dots': layers([file('..a', 'gone')], [whiteout('..a')]),
  'whiteout-not-utf8': layers(
    [file(Buffer.from([0xff, 0x61]), 'gone')],
    [file(Buffer.from([0x2e, 0x77, 0x68, 0x2e, 0xff, 0x61]))],
  ),
  'whiteout-hides-through-three-layers': layers(
    [file('a', 'one')],
    [whiteout('a')],
    [file('a', 'three')],
    [whiteout('a')],
  ),
  'whiteout-bookkeeping-of-aufs': layers(
    [file('a', 'kept')],
    [
      folder('.wh..wh.plnk'),
      file('.wh..wh.plnk/123.456', 'inode'),
      file('.wh..wh.aufs'),
      folder('.wh..wh.orph'),
      file('b', 'new'),
    ],
  ),
  'opaque-before-its-siblings': layers(old, [opaque('a'), ...renewed]),
  'opaque-after-its-siblings': layers(old, [...renewed, opaque('a')]),
  'opaque-between-its-siblings': layers(old, [
    file('a/before', 'upper'),
    opaque('a'),
    file('a/after', 'upper'),
  ]),
  'opaque-before-its-folder': layers(old, [opaque('a'), folder('a', { mode: 0o711 })]),
  'opaque-in-the-root': layers([file('old', 'gone'), ...old], [file('new', 'upper'), opaque('')]),
  'opaque-through-symlinked-folder': layers(
    [...merged, file('usr/lib/x', 'gone')],
    [opaque('lib')],
  ),
  'opaque-in-a-folder-over-a-symlink': layers(
    [...merged, file('usr/lib/x', 'kept')],
    [folder('lib'), opaque('lib')],
  ),
  'opaque-before-its-folder-over-a-symlink': layers(
    [...merged, file('usr/lib/x', 'gone, for lib is a link when the marker comes')],
    [opaque('lib'), folder('lib')],
  ),
  'opaque-and-whiteout': layers(old, [opaque('a'), whiteout('a/old'), ...renewed]),
  'opaque-in-a-removed-folder': layers(old, [whiteout('a'), opaque('a'), file('a/new', 'upper')]),
  'opaque-in-a-missing-folder': layers([file('b', 'kept')], [opaque('a'), file('c', 'n')]),
  'opaque-in-a-single-layer': layer(folder('a'), file('a/b', 'kept'), opaque('a')),
  'opaque-in-a-file': layers([file('a', 'kept')], [opaque('a')]),
  'opaque-twice-with-a-layer-between': layers(
    [folder('a'), file('a/x', 'one')],
    [opaque('a')],
    [file('a/x', 'three'), file('a/y', 'three')],
    [opaque('a'), file('a/z', 'four')],
  ),
  'type-change-file-to-folder': layers([file('a', 'old')], [folder('a'), file('a/b', 'new')]),
  'type-change-folder-to-file': layers(old, [file('a', 'new')]),
  'type-change-file-to-symlink': layers([file('a', 'old'), file('t', 'kept')], [symlink('a', 't')]),
  'type-change-symlink-to-file': layers([symlink('a', 't'), file('t', 'kept')], [file('a', 'new')]),
  'type-change-folder-to-symlink': layers(
    [...old, folder('t'), file('t/x', 'kept')],
    [symlink('a', 't')],
  ),
  'type-change-symlink-to-folder': layers(
    [folder('t'), file('t/x', 'kept'), symlink('a', 't')],
    [folder('a'), file('a/new', 'not in t')],
  ),
  'type-change-folder-to-file-and-back': layers(old, [file('a', 'file')], [folder('a')]),
  'folders-merge': layers(
    [folder('a', { mode: 0o700, uid: 1 }), file('a/lower', 'kept')],
    [folder('a', { mode: 0o1777, gid: 2, mtime: 1_100_000_000 }), file('a/upper', 'new')],
  ),
  'folders-merge-with-xattrs': layers(
    [pax([['SCHILY.xattr.user.lower', 'x']]), folder('a')],
    [pax([['SCHILY.xattr.user.upper', 'x']]), folder('a')],
  ),
  'folder-not-described-again-keeps-attributes': layers(
    [folder('a', { mode: 0o700, uid: 1 })],
    [file('a/b', 'new')],
  ),
  'layer-without-entries': layers([file('a', 'kept')], [], [file('b', 'new')]),
  'layer-of-no-bytes': [archive(file('a', 'kept')), Buffer.alloc(0), archive(file('b', 'new'))],
  'layer-twice': layers([file('a', 'same')], [whiteout('a')], [file('a', 'same')]),
};
