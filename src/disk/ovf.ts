/** What an OVF says of a machine. */
export interface OvfMachine {
  readonly name: string;
  /** In MiB. */
  readonly memory: number;
  readonly cpus: number;
  readonly disk: {
    /** Of its file, in the same folder. */
    readonly name: string;
    readonly bytes: number;
    /** Of the disk itself, in bytes. */
    readonly capacity: number;
  };
}

/*
 * Open Virtualization Format, DMTF DSP0243 1.1.1; the numbers of resource types and of operating systems are
 * those of CIM_ResourceAllocationSettingData and CIM_OperatingSystem (DSP8016).
 */

const otherSystem64 = 102;
const types = { cpu: 3, memory: 4, ide: 5, ethernet: 10, disk: 17 } as const;

const namespaces = {
  xmlns: 'http://schemas.dmtf.org/ovf/envelope/1',
  'xmlns:ovf': 'http://schemas.dmtf.org/ovf/envelope/1',
  'xmlns:rasd':
    'http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData',
  'xmlns:vssd': 'http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData',
} as const;

/**
 * The descriptor of a machine with one disk on an IDE controller and one card on a network called NAT: what OSv
 * has drivers for, and VMware and VirtualBox have devices.
 */
export function formatOvf(machine: OvfMachine): string {
  const { name, disk } = machine;
  return `<?xml version="1.0" encoding="UTF-8"?>\n${textOf(
    element('Envelope', { ...namespaces, 'ovf:version': '1.0' }, [
      element('References', {}, [
        element('File', { 'ovf:id': 'file1', 'ovf:href': disk.name, 'ovf:size': `${disk.bytes}` }),
      ]),
      element('DiskSection', {}, [
        element('Info', {}, 'the disk'),
        element('Disk', {
          'ovf:diskId': 'disk1',
          'ovf:fileRef': 'file1',
          'ovf:capacity': `${disk.capacity}`,
          'ovf:format': 'http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized',
        }),
      ]),
      element('NetworkSection', {}, [
        element('Info', {}, 'the network'),
        element('Network', { 'ovf:name': 'NAT' }, [element('Description', {}, 'with DHCP')]),
      ]),
      element('VirtualSystem', { 'ovf:id': name }, [
        element('Info', {}, 'OSv with one app'),
        element('Name', {}, name),
        element('OperatingSystemSection', { 'ovf:id': `${otherSystem64}` }, [
          element('Info', {}, 'OSv, of no kind that is listed'),
        ]),
        element('VirtualHardwareSection', {}, [
          element('Info', {}, 'the machine'),
          element('System', {}, [
            element('vssd:ElementName', {}, 'machine'),
            element('vssd:InstanceID', {}, '0'),
            element('vssd:VirtualSystemType', {}, 'vmx-07 virtualbox-2.2'),
          ]),
          ...itemsOf(machine),
        ]),
      ]),
    ]),
  )}`;
}

function itemsOf({ memory, cpus }: OvfMachine): readonly Element[] {
  return [
    item({
      ElementName: 'processors',
      InstanceID: 1,
      ResourceType: types.cpu,
      VirtualQuantity: cpus,
    }),
    item({
      AllocationUnits: 'byte * 2^20',
      ElementName: 'memory',
      InstanceID: 2,
      ResourceType: types.memory,
      VirtualQuantity: memory,
    }),
    item({
      Address: 0,
      ElementName: 'IDE controller',
      InstanceID: 3,
      ResourceSubType: 'PIIX4',
      ResourceType: types.ide,
    }),
    item({
      AddressOnParent: 0,
      ElementName: 'disk',
      HostResource: 'ovf:/disk/disk1',
      InstanceID: 4,
      Parent: 3,
      ResourceType: types.disk,
    }),
    item({
      AutomaticAllocation: 'true',
      Connection: 'NAT',
      ElementName: 'network card',
      InstanceID: 5,
      ResourceSubType: 'VmxNet3',
      ResourceType: types.ethernet,
    }),
  ];
}

/** The schema wants the settings in the order of their names, as they stand above. */
function item(settings: Readonly<Record<string, string | number>>): Element {
  const children = Object.entries(settings).map(([name, value]) =>
    element(`rasd:${name}`, {}, `${value}`),
  );
  return element('Item', {}, children);
}

interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly content: string | readonly Element[];
}

function element(
  name: string,
  attributes: Element['attributes'],
  content: Element['content'] = [],
): Element {
  return { name, attributes, content };
}

function textOf({ name, attributes, content }: Element, indent = ''): string {
  const words = Object.entries(attributes).map(([key, value]) => ` ${key}="${escaped(value)}"`);
  const head = `${indent}<${name}${words.join('')}`;
  if (typeof content === 'string') return `${head}>${escaped(content)}</${name}>\n`;
  if (content.length === 0) return `${head}/>\n`;
  const inner = content.map((one) => textOf(one, `${indent}  `)).join('');
  return `${head}>\n${inner}${indent}</${name}>\n`;
}

const entities = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' } as const;

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (one) => entities[one as keyof typeof entities]);
}
