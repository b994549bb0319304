/** Something a kernel can do or not, as far as its file tells. */
export interface Capability {
  readonly name: string;
  readonly group: CapabilityGroup;
  readonly state: 'yes' | 'no' | 'unknown';
  /** What of the file tells so. */
  readonly evidence: string;
}

export type CapabilityGroup = 'boot' | 'file-system' | 'driver' | 'call';

/** How a part of the kernel shows in its file. */
export interface Marker {
  readonly name: string;
  readonly group: CapabilityGroup;
  /** A string that ends in a NUL where it is compiled in; another is looked for where it stands within. */
  readonly text: string;
  /** Found inside a longer string. */
  readonly within?: true;
}

const driver = (name: string, type: string): Marker => ({ name, group: 'driver', text: type });

/**
 * Drivers are C++ classes, whose names are in the file for RTTI (Itanium C++ ABI, `_ZTS`): a driver that
 * the build left out (OSv, conf/profiles) has none. File systems show by a message only they print.
 */
export const markers: readonly Marker[] = [
  driver('virtio-blk', 'N6virtio3blkE'),
  driver('virtio-net', 'N6virtio3netE'),
  driver('virtio-scsi', 'N6virtio4scsiE'),
  driver('virtio-rng', 'N6virtio3rngE'),
  driver('virtio-fs', 'N6virtio2fsE'),
  driver('virtio-pci', 'N6virtio17virtio_pci_deviceE'),
  driver('virtio-mmio', 'N6virtio11mmio_deviceE'),
  driver('nvme', 'N4nvme6driverE'),
  driver('ahci', 'N4ahci3hbaE'),
  driver('ide', 'N3ide9ide_driveE'),
  driver('pvscsi', 'N3vmw6pvscsiE'),
  driver('vmxnet3', 'N3vmw7vmxnet3E'),
  driver('ena', 'N3aws3enaE'),
  driver('xen', 'N8xenfront6xenbusE'),
  driver('vga', 'N7console10VGAConsoleE'),
  {
    name: 'rofs',
    group: 'file-system',
    text: '[rofs] Error reading rofs superblock',
    within: true,
  },
  { name: 'virtiofs', group: 'file-system', text: '[virtiofs] Failed to init', within: true },
  { name: 'ramfs', group: 'file-system', text: 'fs/ramfs/ramfs_vnops.cc' },
  { name: 'procfs', group: 'file-system', text: 'procfs' },
  { name: 'sysfs', group: 'file-system', text: 'sysfs' },
];

/** The class every driver is one of: without its name there is no RTTI in the file, which then tells nothing. */
export const driverBase = 'N2hw9hw_driverE';

/** File systems that are libraries, which the kernel's own files hold or not (OSv, bootfs.manifest.skel). */
export const libraryFileSystems: readonly LibraryFileSystem[] = [
  { name: 'zfs', library: '/usr/lib/fs/libsolaris.so' },
  { name: 'ext', library: '/usr/lib/fs/libext.so', table: 'ext_vfsops' },
];

interface LibraryFileSystem {
  readonly name: string;
  readonly library: string;
  /** What the library fills in (modules/libext/ext_vfsops.cc); kernels with hidden symbols may not export it. */
  readonly table?: string;
}

/** Names of libraries the kernel may be itself (OSv, core/elf.cc, `supplied_modules`). */
export const supplied: readonly string[] = [
  'ld-linux-x86-64.so.2',
  'ld-linux-aarch64.so.1',
  'libresolv.so.2',
  'libc.so.6',
  'libm.so.6',
  'libc.musl-x86_64.so.1',
  'ld-musl-x86_64.so.1',
  'libboost_system.so.1.55.0',
  'libboost_system-mt.so.1.55.0',
  'libpthread.so.0',
  'libdl.so.2',
  'librt.so.1',
  'libstdc++.so.6',
  'libaio.so.1',
  'libxenstore.so.3.0',
  'libcrypt.so.1',
  'libutil.so',
];
