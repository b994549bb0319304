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
#define COMMAND_LINE_LBA 1
#define COMMAND_LINE_SECTORS 63  /* what boot16.S loads */
#define PAYLOAD_LBA 128

/* Memory below 1 MiB: the BIOS reaches nothing else. */
#define REAL_MODE_STACK 0x7c00   /* grows down over free low memory */
#define STACK 0x10000            /* grows down to the boot sector's remains */
#define LOAD_ADDRESS 0x10000     /* the payload, headers included */
#define LOW_ADDRESS 0x10100      /* start.S within it; probe.ld says the same and asserts it */
#define E_ENTRY 0x18             /* offset of the entry point in an ELF32 header */

/* Memory above 1 MiB: nobody's, once the BIOS has handed over. 16 MiB of RAM are enough. */
#define METADATA_CACHE 0x100000
#define METADATA_CACHE_CHUNKS 256
#define ENTRY_MARKS 0x900000
#define ENTRY_MARKS_COUNT 0x100000
#define SYMLINK_MARKS 0xd00000
#define SYMLINK_MARKS_COUNT 0x40000
#define SEEN_DIRECTORIES 0xe00000
#define MAX_INODES 0x1000000

#endif
