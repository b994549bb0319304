import { expect, test } from 'vitest';
import { contentAccess, openContents } from '../../../src/tree/contents.ts';
import { fileOfBytes } from '../../../src/tree/nodes.ts';
import { remembered } from '../../../src/tree/remembered.ts';

test('remembered reads a file once when it is asked for it again, also where nothing came of it', () => {
  const contents = openContents(new Map());
  const read: number[] = [];
  const firstByte = remembered((access) => {
    read.push(access.size);
    return access.read(0, 1)[0];
  });
  const [full, empty] = [fileOfBytes(Buffer.from([7, 8])), fileOfBytes(Buffer.alloc(0))];
  for (const { content } of [full, empty, full, empty]) {
    expect(firstByte(contentAccess(contents, content))).toBe(content.size === 2 ? 7 : undefined);
  }
  expect(read).toEqual([2, 0]);
});

test('remembered reads again when reading failed', () => {
  let fails = true;
  const size = remembered((access) => {
    if (fails) throw new RangeError('out of reach');
    return access.size;
  });
  const access = { size: 3, read: () => new Uint8Array(3) };
  expect(() => size(access)).toThrow(RangeError);
  fails = false;
  expect(size(access)).toBe(3);
});
