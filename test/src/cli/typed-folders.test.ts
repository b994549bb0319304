import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { addGlobalOptions } from '../../../src/cli/globals.ts';
import { withTypedFolders } from '../../../src/cli/typed-folders.ts';
import { ConvertError } from '../../../src/error.ts';
import { StoreError } from '../../../store/index.ts';

/** The hint that is told when `words` were typed. */
function toldTo(words: readonly string[], error: ConvertError | StoreError): string | undefined {
  const program = addGlobalOptions(new Command('osv-convert')).enablePositionalOptions();
  addGlobalOptions(program.command('images')).action(() => undefined);
  addGlobalOptions(program.command('state').option('--root <dir>')).action(() => undefined);
  program.parse(words, { from: 'user' });
  const told = withTypedFolders(error, program);
  expect(told).toMatchObject({ code: error.code, message: error.message });
  return told instanceof ConvertError || told instanceof StoreError ? told.hint : undefined;
}

const failing = (hint: string) => new ConvertError('USAGE', 'it', { hint });

describe('withTypedFolders', () => {
  it.each([
    [['images', '--store', 'a b'], 'osv-convert rm x', "osv-convert rm x --store 'a b'"],
    [
      ['--store', 'a', 'images', '--store', 'b'],
      'osv-convert images',
      'osv-convert images --store b',
    ],
    [
      ['images', '--store', 'a'],
      'osv-convert store gc\nor if you must: osv-convert rm x',
      'osv-convert store gc --store a\nor if you must: osv-convert rm x --store a',
    ],
    [
      ['images', '--store', 'a'],
      'osv-convert flatten S --to - | zstd > FILE.tar.zst',
      'osv-convert flatten S --to - --store a | zstd > FILE.tar.zst',
    ],
    [['state', '--root', 'r', '--store', 'a'], 'osv-convert list', 'osv-convert list --root r'],
  ])('tells %j of %j with the folder', (words, hint, told) => {
    expect(toldTo(words, failing(hint))).toBe(told);
  });

  it.each([
    [['images'], 'osv-convert images'],
    [['images', '--store', 'a'], 'osv-convert images --help'],
    [['images', '--store', 'a'], 'osv-convert login quay.io'],
    [['images', '--store', 'a'], 'see to it that nothing but osv-convert removes files'],
    [['images', '--store', 'a'], 'osv-convert list'],
  ])('leaves %j with %j as it is', (words, hint) => {
    expect(toldTo(words, failing(hint))).toBe(hint);
  });

  it('tells of the folder when the store itself fails', () => {
    const error = new StoreError('STORE_CORRUPT', 'it', { hint: 'osv-convert store verify' });
    expect(toldTo(['--store', '/s', 'images'], error)).toBe('osv-convert store verify --store /s');
  });

  it('leaves what is no failure of this tool as it is', () => {
    const defect = new Error('osv-convert images');
    expect(withTypedFolders(defect, new Command('osv-convert'))).toBe(defect);
  });
});
