import { describe, expect, it } from 'vitest';
import { planKernelImage } from '../../../src/disk/kernel-image.ts';
import { fakeArmLoader, fakeLoader } from '../osv/fake-kernel.ts';
import { accessOf } from '../rofs/image.ts';

const loader = fakeArmLoader();
loader.write('an older command line that is longer', 512);

function imageWith(line: string): Buffer {
  const image = planKernelImage(accessOf(loader), Buffer.from(line));
  return Buffer.from(image.read(0, image.size));
}

describe('planKernelImage', () => {
  it('puts the command line behind the head, and changes nothing else', () => {
    const expected = Buffer.from(loader).fill(0, 512, 65_536);
    expected.write('--rootfs=rofs /app/hello !', 512);
    expect(imageWith('--rootfs=rofs /app/hello !')).toEqual(expected);
  });

  it('takes a command line that OSv can just hold, and no longer one', () => {
    expect(imageWith('x'.repeat(1023)).indexOf(0, 512)).toBe(512 + 1023);
    expect(() => imageWith('x'.repeat(1024))).toThrow(
      expect.objectContaining({
        code: 'COMMAND_LINE_INEXPRESSIBLE',
        message: expect.stringContaining('found a command line of 1024 bytes, wanted at most 1023'),
      }),
    );
    expect(() => imageWith('a\0b')).toThrow('found a NUL at byte 1');
  });

  it.each([
    ['a loader for x86_64', fakeLoader()],
    ['an Image that ends before its kernel', loader.subarray(0, 65_536)],
    ['nothing', Buffer.alloc(0)],
  ])('refuses %s', (_, bytes) => {
    expect(() => planKernelImage(accessOf(bytes), Buffer.from('/hello'))).toThrow(
      expect.objectContaining({ code: 'KERNEL_INVALID' }),
    );
  });
});
