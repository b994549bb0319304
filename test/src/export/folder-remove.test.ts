import { chmodSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { snapshotOf } from '../../support/folder-snapshot.ts';
import { parent, remove } from './written-folder.ts';

describe('removeFolder', () => {
  it('removes what forbids it, and follows no link', () => {
    const kept = join(parent, 'kept');
    mkdirSync(kept);
    writeFileSync(join(kept, 'file'), 'x');
    const gone = join(parent, 'gone');
    mkdirSync(join(gone, 'a/b'), { recursive: true });
    symlinkSync(kept, join(gone, 'link'));
    symlinkSync(kept, join(gone, 'a/b/link'));
    chmodSync(join(gone, 'a/b'), 0);
    chmodSync(join(gone, 'a'), 0);
    const before = snapshotOf(kept);
    remove('gone');
    expect(readdirSync(parent)).toEqual(['kept']);
    expect(snapshotOf(kept)).toEqual(before);
  });
});
