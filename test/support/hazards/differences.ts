/** Hazards by the heading in ARCHITECTURE.md under which stands why another tool takes them otherwise. */
export type Differences = Readonly<Record<string, readonly string[]>>;

export const fromUmoci: Differences = {
  'Names that climb': [
    'escape-dotdot',
    'escape-dotdot-at-the-end',
    'escape-dotdot-deep',
    'escape-dotdot-in-gnu-name',
    'escape-dotdot-in-pax-path',
    'escape-dotdot-in-prefix',
    'escape-dotdot-in-sparse-name',
    'escape-dotdot-that-stays-inside',
    'escape-whiteout-dotdot',
  ],
  'Long names': ['name-of-256-bytes', 'name-path-of-4095-bytes'],
  'A slash behind the name of a file': ['name-of-file-with-trailing-slash'],
  'The end of a tar': ['tar-extension-of-nothing'],
  'Types of members': [
    'sparse-gnu',
    'sparse-gnu-continued',
    'sparse-gnu-continued-twice',
    'sparse-gnu-hole-first',
    'sparse-gnu-hole-last',
    'sparse-gnu-of-four-runs',
    'sparse-gnu-only-a-hole',
    'tar-contiguous-file',
    'tar-pax-global',
    'tar-pax-global-path-and-owner',
  ],
  'Extended headers': ['tar-pax-xattr-of-no-bytes'],
  'Hard links with a body': ['tar-hard-link-with-a-body'],
  'Times of folders': [
    'name-parents-missing-in-a-described-folder',
    'opaque-after-its-siblings',
    'whiteout-after-folder-made-again',
  ],
  Devices: ['tar-devices'],
  'Links to themselves': ['hard-link-to-itself', 'hard-link-to-itself-in-one-layer'],
  'Symbolic links in parents': ['parent-of-41-symlinks', 'whiteout-in-a-symlink-loop'],
  'Files in the place of parents': ['parent-file-of-the-layer-below', 'parent-symlink-to-a-file'],
  'Whiteouts behind what is below them': ['whiteout-of-ancestor-after-children'],
  'Names of AUFS': ['whiteout-bookkeeping-of-aufs'],
  Compression: [
    'gzip-then-garbage',
    'gzip-then-zeros',
    'zstd-chunked',
    'zstd-of-one-frame',
    'zstd-of-two-frames',
    'zstd-with-skippable-frames',
  ],
};

/** Of what `tar --extract` makes of images of one layer without whiteouts. */
export const fromTar: Differences = {
  'Extended headers': [
    'name-with-nul-in-pax',
    'tar-gnu-long-name-over-pax-path',
    'tar-pax-empty-value-is-none',
    'tar-pax-global-path-and-owner',
  ],
  'Long names': ['name-of-256-bytes'],
  'The end of a tar': [
    'tar-cut-in-the-padding',
    'tar-extension-of-nothing',
    'tar-header-after-one-zero-block',
    'tar-of-no-bytes',
  ],
  'Types of members': ['tar-unknown-type'],
  Devices: ['tar-devices'],
  'Maps of holes': [
    'sparse-hole-beyond-53-bits',
    'sparse-hole-of-a-pebibyte',
    'sparse-last-hole-not-in-the-map',
    'sparse-runs-of-more-than-is-stored',
    'sparse-runs-of-odd-lengths',
    'sparse-runs-overlap',
  ],
  'Hard links with a body': ['tar-hard-link-with-a-body'],
  'Symbolic links in parents': [
    'escape-hard-link-then-write',
    'escape-hard-link-to-symlink-then-file',
    'escape-symlink-absolute-then-file',
    'escape-symlink-chain',
    'escape-symlink-then-file-of-its-name',
    'escape-symlink-then-folder-mode',
    'escape-symlink-to-the-root-then-file',
    'escape-symlink-up-then-file',
  ],
  'Folders that give way': ['name-twice-folder-file', 'name-twice-folder-symlink'],
};

/** Of what `tar --list` says of the members of the same layers. */
export const fromTarList: Differences = {
  'Extended headers': [
    'tar-gnu-long-name-over-pax-path',
    'tar-pax-empty-value-is-none',
    'tar-pax-global-path-and-owner',
  ],
  'The end of a tar': ['tar-cut-in-the-padding'],
  'Hard links with a body': ['tar-hard-link-with-a-body'],
  'Listings of GNU tar': ['tar-pax-mtime-negative', 'tar-symlink-with-a-size'],
};
