/*
 * Where everything lies: on the disk as OSv's own loader has it (scripts/imgedit.py,
 * arch/x64/boot16.S), in memory as it suits the probe.
 * Included by assembly as well, so nothing but plain numbers.
 */
#ifndef PROBE_LAYOUT_H
#define PROBE_LAYOUT_H

#define SECTOR_SIZE 512

#define CHUNK_SECTORS 64         /* 32 KiB: the unit of the payload, and of the metadata cache */
#define CHUNK_SIZE (CHUNK_SECTORS * SECTOR_SIZE)
#define MAX_READ_SECTORS 127     /* the most that every BIOS moves in one call */

/* Disk. */
#define PARTITION_SLOT 0x1ce     /* second of four: the kernel's /dev/vblk0.1 */
#define PAYLOAD_LBA 128

/* Memory below 1 MiB: the BIOS reaches nothing else. */
#define REAL_MODE_STACK 0x7c00   /* grows down over free low memory */
#define STACK 0x10000            /* grows down to the boot sector's remains */
#define LOAD_ADDRESS 0x10000     /* the payload, headers included */
#define LOW_ADDRESS 0x10100      /* start.S within it; probe.ld says the same and asserts it */
#define E_ENTRY 0x18             /* offset of the entry point in an ELF32 header */

#ifdef __aarch64__
#define FREE_MEMORY 0x41000000UL /* between the probe and the device tree, on QEMU's virt board */
#define COMMAND_LINE_SIZE 1024   /* with its NUL; OSv, include/osv/commands.hh: max_cmdline */
#else
#define FREE_MEMORY 0UL          /* all above 1 MiB is nobody's, once the BIOS has handed over */
#define COMMAND_LINE_SIZE (63 * SECTOR_SIZE) /* with its NUL; what boot16.S loads */
#endif

/* 16 MiB of it are enough. */
#define METADATA_CACHE (FREE_MEMORY + 0x100000)
#define METADATA_CACHE_CHUNKS 256
#define ENTRY_MARKS (FREE_MEMORY + 0x900000)
#define ENTRY_MARKS_COUNT 0x100000
#define SYMLINK_MARKS (FREE_MEMORY + 0xd00000)
#define SYMLINK_MARKS_COUNT 0x40000
#define SEEN_DIRECTORIES (FREE_MEMORY + 0xe00000)
#define MAX_INODES 0x1000000

#endif
