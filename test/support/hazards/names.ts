import { Buffer } from 'node:buffer';
import { pax } from '../tar-builder.ts';
import { file, folder, type Hazards, layer, symlink } from './hazard.ts';

const component255 = 'c'.repeat(255);
const path4095 = Array.from({ length: 16 }, () => component255).join('/');

/** What a name can be, and in which order names can come. */
export const names: Hazards = {
  'name-not-utf8': layer(
    file(Buffer.from([0x66, 0xff, 0xfe, 0x80]), 'bytes'),
    folder(Buffer.from([0xc3, 0x2f])),
    file(Buffer.from([0xc3, 0x2f, 0x28]), 'below'),
  ),
  'name-surrogate-in-utf8': layer(file(Buffer.from([0xed, 0xb2, 0x80]), 'no character')),
  'name-of-nfc-and-nfd': layer(file('\u00e9', 'one'), file('e\u0301', 'another')),
  'name-of-both-cases': layer(file('README', 'upper'), file('readme', 'lower')),
  'name-with-newline': layer(file('a\nb', 'line'), symlink('l', 'a\nb')),
  'name-with-backslash': layer(file('a\\b', 'no folder'), file('c\\..\\d', 'no way up')),
  'name-with-escape-sequence': layer(file('\x1b[2J\x1b]0;title\x07', 'paints'), file('\x7f')),
  'name-with-blanks-at-its-ends': layer(file(' a ', 'blanks'), file('b\t', 'tab')),
  'name-with-leading-dash': layer(file('-rf', 'no option'), file('--checkpoint=1')),
  'name-with-quotes-and-dollars': layer(file(`a"b'c$(d)\`e\``, 'no shell')),
  'name-of-three-dots': layer(file('...', 'three'), file('..a', 'two'), file('a..', 'end')),
  'name-of-object-properties': layer(
    file('__proto__', 'a file'),
    folder('constructor'),
    file('constructor/toString', 'x'),
  ),
  'name-of-255-bytes': layer(pax([['path', component255]]), file('cut', 'longest')),
  'name-of-256-bytes': layer(pax([['path', `${component255}c`]]), file('cut', 'too long for ext4')),
  'name-path-of-4095-bytes': layer(pax([['path', path4095]]), file('cut', 'longest')),
  'name-path-of-5000-bytes': layer(pax([['path', 'e'.repeat(5000)]]), file('cut')),
  'name-empty': layer(file('', 'nameless')),
  'name-with-nul-in-pax': layer(pax([['path', 'a\0b']]), file('cut')),
  'name-with-trailing-slash': layer(folder('a/'), folder('b//'), file('a/c', 'below')),
  'name-of-file-with-trailing-slash': layer(file('a/', ''), file('a/b', 'below')),
  'name-with-double-slashes': layer(folder('a'), file('a//b', 'one'), file('a///c', 'two')),
  'name-with-leading-slash': layer(folder('/a'), file('/a/b', 'in the root')),
  'name-with-leading-dot-slash': layer(folder('./a'), file('./a/b', 'plain'), file('././c', 'too')),
  'name-with-dots-inside': layer(folder('a'), file('a/./b', 'same folder')),
  'name-dot': layer(folder('.', { mode: 0o711 }), file('a', 'in the root')),
  'name-dot-slash': layer(folder('./', { mode: 0o711 }), file('a', 'in the root')),
  'name-slash': layer(folder('/', { mode: 0o711 }), file('a', 'in the root')),
  'name-root-with-attributes': layer(
    pax([
      ['SCHILY.xattr.user.root', 'yes'],
      ['mtime', '1111111111'],
    ]),
    folder('./', { mode: 0o1750, uid: 7, gid: 8 }),
  ),
  'name-root-is-a-file': layer(file('./.', 'no folder')),
  'name-root-is-a-symlink': layer(symlink('./', '/tmp'), file('a')),
  'name-parents-missing': layer(file('a/b/c', 'found nothing')),
  'name-parents-missing-in-a-described-folder': layer(folder('a'), file('a/b/c', 'time of a kept')),
  'name-folder-after-its-children': layer(
    file('a/b', 'first'),
    folder('a', { mode: 0o555 }),
    file('a/c', 'last'),
  ),
  'name-twice-file-file': layer(file('a', 'first'), file('a', 'second', { mode: 0o600 })),
  'name-twice-folder-folder': layer(
    folder('a', { mode: 0o700 }),
    file('a/b', 'kept'),
    folder('a', { mode: 0o711 }),
  ),
  'name-twice-file-folder': layer(file('a', 'first'), folder('a'), file('a/b', 'below')),
  'name-twice-folder-file': layer(folder('a'), file('a/b', 'gone'), file('a', 'second')),
  'name-twice-file-symlink': layer(file('t', 'target'), file('a', 'first'), symlink('a', 't')),
  'name-twice-symlink-file': layer(file('t', 'untouched'), symlink('a', 't'), file('a', 'second')),
  'name-twice-symlink-folder': layer(
    folder('t', { mode: 0o700 }),
    symlink('a', 't'),
    folder('a', { mode: 0o711 }),
    file('a/b', 'not in t'),
  ),
  'name-twice-folder-symlink': layer(
    folder('t'),
    folder('a'),
    file('a/b', 'gone'),
    symlink('a', 't'),
    file('a/c', 'in t'),
  ),
};
