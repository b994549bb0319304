import { type Inventory, takeInventory } from '../../../src/sbom/inventory.ts';
import { openContents } from '../../../src/tree/contents.ts';
import { editTree } from '../../../src/tree/edit.ts';
import { directory, fileOfBytes, symlink } from '../../../src/tree/nodes.ts';

export type Files = Readonly<Record<string, string | Uint8Array>>;

/** The inventory of an image of these files; all may be executed, and `-> PATH` is a link. */
export async function inventoryOf(files: Files): Promise<Inventory> {
  const edits = Object.entries(files).map(([path, content]) => {
    const isLink = typeof content === 'string' && content.startsWith('-> ');
    const node = isLink ? symlink(content.slice(3)) : fileOfBytes(Buffer.from(content), 0o755);
    return { op: 'set', path, node } as const;
  });
  const tree = editTree({ root: directory() }, edits);
  return await takeInventory(tree, openContents(new Map()));
}

export const purlsOf = ({ components }: Inventory) => components.map(({ purl }) => purl);

export const debian = {
  '/etc/os-release': 'PRETTY_NAME="Debian GNU/Linux 12"\nID=debian\nVERSION_ID="12"\n',
};

export const zlib = `Package: zlib1g
Status: install ok installed
Maintainer: Mark Brown <broonie@debian.org>
Architecture: amd64
Source: zlib
Version: 1:1.2.13.dfsg-1
Description: compression library
 Version: 9 is no field, this line goes on
`;
