import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseShare, parseVolume } from '../../../src/run/data-option.ts';

const mib = 2 ** 20;

describe('parseVolume', () => {
  it.each([
    ['/data', { path: '/data' }],
    ['//app/data/', { path: '/app/data' }],
    ['64M:/data', { path: '/data', size: 64 * mib }],
    ['4096k:/data', { path: '/data', size: 4 * mib }],
    ['15T:/data', { path: '/data', size: 15 * 2 ** 40 }],
    ['shop.ext4:/data', { path: '/data', file: resolve('shop.ext4') }],
    ['./1G:/data', { path: '/data', file: resolve('1G') }],
    ['1G:1G:/data', { path: '/data', file: resolve('1G'), size: 1024 * mib }],
    ['1G:/srv/a:b:/data', { path: '/data', file: '/srv/a:b', size: 1024 * mib }],
    ['./64:/data', { path: '/data', file: resolve('64') }],
    ['2024.db:/data', { path: '/data', file: resolve('2024.db') }],
  ])('reads %s', (text, wish) => {
    expect(parseVolume(text)).toEqual(wish);
  });

  it.each([
    ['', 'wanted an absolute path'],
    ['1G', 'wanted an absolute path'],
    ['1G:data', 'wanted an absolute path'],
    ['1M:/data', 'wanted a size of 4M to 15T'],
    ['16T:/data', 'wanted a size of 4M to 15T'],
    ['4099K:/data', 'wanted a size of 4M to 15T'],
    ['64:/data', 'wanted a size of 4M to 15T'],
    ['1.5G:/data', 'wanted a size of 4M to 15T'],
    ['1e9:/data', 'wanted a size of 4M to 15T'],
    ['-1GiB:/data', 'wanted a size of 4M to 15T'],
    ['a\0b:/data', 'wanted a path without NUL'],
    ['/proc/x', "/proc is the kernel's"],
    ['/a,b', 'a path without commas'],
    ['/tmp', '/tmp is in the memory of the machine'],
    ['/a b', 'a path without blanks'],
  ])('refuses %j', (text, problem) => {
    expect(() => parseVolume(text)).toThrow(
      expect.objectContaining({ code: 'USAGE', message: expect.stringContaining(problem) }),
    );
  });
});

describe('parseShare', () => {
  it.each([
    ['/settings', { path: '/settings' }],
    ['/settings:ro', { path: '/settings' }],
    ['./conf:/settings', { path: '/settings', folder: resolve('conf') }],
    ['/srv/conf:/settings:ro', { path: '/settings', folder: '/srv/conf' }],
    ['/srv/a:b:/settings', { path: '/settings', folder: '/srv/a:b' }],
  ])('reads %s', (text, wish) => {
    expect(parseShare(text)).toEqual(wish);
  });

  it.each([
    ['conf', 'wanted an absolute path'],
    ['conf:/settings:rw', 'wanted no option but ro: OSv only reads shares'],
    ['conf:/sys', "/sys is the kernel's"],
    ['a\0b:/settings', 'wanted a path without NUL'],
  ])('refuses %j', (text, problem) => {
    expect(() => parseShare(text)).toThrow(
      expect.objectContaining({ code: 'USAGE', message: expect.stringContaining(problem) }),
    );
  });
});
