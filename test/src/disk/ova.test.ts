import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { WriteImageOptions } from '../../../src/disk/output.ts';
import { mib, mixed, sumOf, writtenDisks } from './written-disk.ts';

const { write, out } = writtenDisks();

describe('an OVA', () => {
  const machine = { name: 'web<&"app', memory: 512, cpus: 2 };

  test('is a tar of descriptor, digests and disk, as tar lists them', async () => {
    const options: WriteImageOptions = { format: 'ova', machine: { ...machine, name: 'web' } };
    await write(mixed, 'disk.ova', options);
    await write(mixed, 'disk.vmdk', { format: 'vmdk' });
    const listed = spawnSync('tar', ['--list', '-f', out('disk.ova')], { encoding: 'utf8' });
    expect(listed).toMatchObject({ status: 0, stderr: '' });
    expect(listed.stdout).toBe('web.ovf\nweb.mf\ndisk.vmdk\n');
    const member = (name: string): Buffer =>
      spawnSync('tar', ['-xOf', out('disk.ova'), name], { maxBuffer: 64 * mib }).stdout;
    expect(member('disk.vmdk').equals(readFileSync(out('disk.vmdk')))).toBe(true);
    expect(member('web.mf').toString()).toBe(
      ['web.ovf', 'disk.vmdk'].map((name) => `SHA256(${name})= ${sumOf(member(name))}\n`).join(''),
    );
    expect(readFileSync(out('disk.ova')).subarray(257, 265).toString('latin1')).toBe('ustar\x0000');
  });

  test('describes the machine in XML that another parser reads', async (context) => {
    await write(mixed, 'disk.ova', { format: 'ova', machine });
    const bytes = readFileSync(out('disk.ova'));
    const length = Number.parseInt(bytes.toString('latin1', 124, 135), 8);
    const ovf = bytes.subarray(512, 512 + length);
    writeFileSync(out('machine.ovf'), ovf);
    const script = `
import json, sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
local = lambda name: name.split('}')[-1]
items = [{local(one.tag): one.text for one in item} for item in root.iter() if local(item.tag) == 'Item']
disk = next(one for one in root.iter() if local(one.tag) == 'Disk')
file = next(one for one in root.iter() if local(one.tag) == 'File')
system = next(one for one in root.iter() if local(one.tag) == 'VirtualSystem')
attributes = lambda one: {local(key): value for key, value in one.attrib.items()}
print(json.dumps([local(root.tag), attributes(system), attributes(disk), attributes(file), items]))
`;
    const parsed = spawnSync('python3', ['-c', script, out('machine.ovf')], { encoding: 'utf8' });
    // Nothing of ours may read it, and there is no other reader of XML to be had everywhere.
    if (parsed.error) context.skip('python3 is not installed');
    expect(parsed.stderr).toBe('');
    const [root, system, disk, file, items] = JSON.parse(parsed.stdout);
    expect([root, system.id]).toEqual(['Envelope', machine.name]);
    expect(disk).toMatchObject({ capacity: `${9 * mib + 65_536}`, fileRef: file.id });
    const vmdk = await write(mixed, 'disk.vmdk', { format: 'vmdk' });
    expect(file).toMatchObject({ href: 'disk.vmdk', size: `${vmdk.bytes}` });
    const types = items.map(({ ResourceType: type }: { ResourceType: string }) => type);
    expect(types).toEqual(['3', '4', '5', '17', '10']);
    expect(items[0]).toMatchObject({ VirtualQuantity: '2' });
    expect(items[1]).toMatchObject({ VirtualQuantity: '512', AllocationUnits: 'byte * 2^20' });
    expect(items[3]).toMatchObject({ Parent: items[2].InstanceID });
    for (const item of items) expect(Object.keys(item)).toEqual(Object.keys(item).sort());
  });
});
