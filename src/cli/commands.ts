import type { Command } from 'commander';

/** A command as the list of all shows it; `load` brings what else there is of it. */
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  /** Gives the command its description, arguments, options and action. */
  readonly load: () => Promise<(command: Command) => void>;
}

/** Every command under its heading, in the order of the help. */
export const commandGroups: Readonly<Record<string, readonly CommandEntry[]>> = {
  'From an image to a machine:': [
    {
      name: 'pull',
      summary: 'bring an image into the store',
      load: async () => (await import('./pull.ts')).definePull,
    },
    {
      name: 'inspect',
      summary: 'tell what an image holds and which .NET app it starts',
      load: async () => (await import('./inspect.ts')).defineInspect,
    },
    {
      name: 'check',
      summary: 'tell whether an app will run on OSv',
      load: async () => (await import('./check.ts')).defineCheck,
    },
    {
      name: 'build',
      summary: 'write a bootable disk from an image',
      load: async () => (await import('./build.ts')).defineBuild,
    },
    {
      name: 'run',
      summary: 'boot a disk or an image in QEMU or Firecracker',
      load: async () => (await import('./run.ts')).defineRun,
    },
    {
      name: 'sbom',
      summary: 'list what an image is made of, as CycloneDX or SPDX',
      load: async () => (await import('./sbom.ts')).defineSbom,
    },
  ],
  'Machines that stay:': [
    {
      name: 'create',
      summary: 'make a machine that waits to be started',
      load: async () => (await import('./create.ts')).defineCreate,
    },
    {
      name: 'start',
      summary: 'start the guest of a created machine',
      load: async () => (await import('./start.ts')).defineStart,
    },
    {
      name: 'state',
      summary: 'print the state of a machine',
      load: async () => (await import('./state.ts')).defineState,
    },
    {
      name: 'list',
      summary: 'list the machines',
      load: async () => (await import('./list.ts')).defineList,
    },
    {
      name: 'logs',
      summary: "print a machine's console",
      load: async () => (await import('./logs.ts')).defineLogs,
    },
    {
      name: 'wait',
      summary: 'wait for the end of a machine',
      load: async () => (await import('./wait.ts')).defineWait,
    },
    {
      name: 'kill',
      summary: 'send a signal to a machine',
      load: async () => (await import('./kill.ts')).defineKill,
    },
    {
      name: 'stop',
      summary: 'end a machine',
      load: async () => (await import('./stop.ts')).defineStop,
    },
    {
      name: 'delete',
      summary: 'remove a machine that is stopped',
      load: async () => (await import('./delete.ts')).defineDelete,
    },
  ],
  'Look into images, layers and disks:': [
    {
      name: 'ls',
      summary: 'list a folder of an image, a layer or a disk',
      load: async () => (await import('./ls.ts')).defineLs,
    },
    {
      name: 'cat',
      summary: 'print files of an image, a layer or a disk',
      load: async () => (await import('./cat.ts')).defineCat,
    },
    {
      name: 'tree',
      summary: 'draw the tree of an image, a layer or a disk',
      load: async () => (await import('./tree.ts')).defineTree,
    },
    {
      name: 'stat',
      summary: 'tell all that is known of a file in an image, a layer or a disk',
      load: async () => (await import('./stat.ts')).defineStat,
    },
    {
      name: 'find',
      summary: 'find files in an image, a layer or a disk',
      load: async () => (await import('./find.ts')).defineFind,
    },
    {
      name: 'diff',
      summary: 'compare the files of two images, layers or disks',
      load: async () => (await import('./diff.ts')).defineDiff,
    },
    {
      name: 'history',
      summary: 'tell what each layer of an image did, to a path too, and what it wastes',
      load: async () => (await import('./history.ts')).defineHistory,
    },
    {
      name: 'flatten',
      summary: 'write all files of an image as a folder, a tar or a ROFS',
      load: async () => (await import('./flatten.ts')).defineFlatten,
    },
  ],
  'Kernels, runtimes and disks:': [
    {
      name: 'kernel',
      summary: 'keep OSv kernels in the store',
      load: async () => (await import('./kernel.ts')).defineKernel,
    },
    {
      name: 'runtime',
      summary: 'keep .NET runtimes in the store',
      load: async () => (await import('./runtime.ts')).defineRuntime,
    },
    {
      name: 'disk',
      summary: 'look at a finished disk, and change it',
      load: async () => (await import('./disk.ts')).defineDisk,
    },
    {
      name: 'rofs',
      summary: 'examine the ROFS of a disk, record by record',
      load: async () => (await import('./rofs.ts')).defineRofs,
    },
    {
      name: 'convert-disk',
      summary: 'write a disk in another format',
      load: async () => (await import('./convert-disk.ts')).defineConvertDisk,
    },
  ],
  'Registries:': [
    {
      name: 'login',
      summary: 'keep a password for a registry',
      load: async () => (await import('./login.ts')).defineLogin,
    },
    {
      name: 'logout',
      summary: 'forget the password for a registry',
      load: async () => (await import('./logout.ts')).defineLogout,
    },
    {
      name: 'push',
      summary: 'copy an image into a registry',
      load: async () => (await import('./push.ts')).definePush,
    },
    {
      name: 'save',
      summary: 'copy images to a folder or a file',
      load: async () => (await import('./save.ts')).defineSave,
    },
    {
      name: 'load',
      summary: 'bring images of a folder or a file into the store',
      load: async () => (await import('./load.ts')).defineLoad,
    },
    {
      name: 'ls-tags',
      summary: 'list the tags of a repository',
      load: async () => (await import('./ls-tags.ts')).defineLsTags,
    },
    {
      name: 'referrers',
      summary: 'list signatures, SBOMs and what else refers to an image',
      load: async () => (await import('./referrers.ts')).defineReferrers,
    },
    {
      name: 'doctor',
      summary: 'find out why an image cannot be pulled',
      load: async () => (await import('./doctor.ts')).defineDoctor,
    },
  ],
  'The store:': [
    {
      name: 'images',
      summary: 'list the images in the store',
      load: async () => (await import('./images.ts')).defineImages,
    },
    {
      name: 'tag',
      summary: 'give an image in the store a second name',
      load: async () => (await import('./tag.ts')).defineTag,
    },
    {
      name: 'rm',
      summary: 'take names of images out of the store',
      load: async () => (await import('./rm.ts')).defineRm,
    },
    {
      name: 'store',
      summary: 'keep the store small and sound',
      load: async () => (await import('./store.ts')).defineStore,
    },
    {
      name: 'cache',
      summary: 'list or forget what was built of images',
      load: async () => (await import('./cache.ts')).defineCache,
    },
  ],
  'Help:': [
    {
      name: 'help',
      summary: 'print the help of a command',
      load: async () => (await import('./help.ts')).defineHelp,
    },
  ],
};
