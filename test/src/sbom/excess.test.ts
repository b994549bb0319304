import { expect, test } from 'vitest';
import { takeInventory } from '../../../src/sbom/inventory.ts';
import { openContents } from '../../../src/tree/contents.ts';
import { editTree } from '../../../src/tree/edit.ts';
import { directory, fileOfBytes } from '../../../src/tree/nodes.ts';

/** Of packages, and of components in all, no more are told. */
const cap = 100_000;

test('takeInventory tells of no dependency on a component that is left out', async () => {
  const stanza = (at: number) => `Package: p${at}\nVersion: 1\n\n`;
  const deps = {
    runtimeTarget: { name: 'net10.0' },
    targets: { 'net10.0': { 'app/1.0.0': { dependencies: { Lib: '2.0.0' } } } },
    libraries: { 'app/1.0.0': { type: 'project' }, 'Lib/2.0.0': { type: 'package' } },
  };
  const inventoryOf = async (packages: number) => {
    const status = Array.from({ length: packages }, (_, at) => stanza(at)).join('');
    const files = { '/app/app.deps.json': JSON.stringify(deps), '/var/lib/dpkg/status': status };
    const tree = editTree(
      { root: directory() },
      Object.entries(files).map(
        ([path, text]) => ({ op: 'set', path, node: fileOfBytes(Buffer.from(text)) }) as const,
      ),
    );
    return await takeInventory(tree, openContents(new Map()));
  };
  const dependsOn = ({ components }: Awaited<ReturnType<typeof inventoryOf>>) =>
    components.find(({ kind }) => kind === 'application')?.dependsOn;

  expect(dependsOn(await inventoryOf(1))).toEqual(['pkg:nuget/Lib@2.0.0']);
  const full = await inventoryOf(cap);
  expect(full.components).toHaveLength(cap);
  expect(full.unread).toEqual([
    { path: '/', reason: `${cap + 2} components, of which ${cap} are told` },
  ]);
  expect(dependsOn(full)).toEqual([]);
});
