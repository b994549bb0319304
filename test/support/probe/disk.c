#include "disk.h"

#include "console.h"
#include "layout.h"

/* Disk address packet of int 13h, AH=42h (Phoenix Enhanced Disk Drive specification). */
struct disk_packet {
    uint8_t size;
    uint8_t zero;
    uint16_t count;
    uint16_t offset;
    uint16_t segment;
    uint64_t sector;
} __attribute__((packed));

/* start.S: the packet lies where real mode reaches it. */
extern struct disk_packet disk_packet;
extern uint32_t bios_read(void);

/* Aligned, so that it crosses no 64 KiB line: a BIOS that uses ISA-style DMA could not. */
static uint8_t buffer[MAX_READ_SECTORS * SECTOR_SIZE] __attribute__((aligned(0x10000)));
static uint64_t buffer_start;
static uint64_t buffer_end;

static void fill_buffer(uint64_t sector, uint64_t end)
{
    uint32_t count = end - sector < MAX_READ_SECTORS ? (uint32_t)(end - sector) : MAX_READ_SECTORS;
    disk_packet.size = sizeof disk_packet;
    disk_packet.zero = 0;
    disk_packet.count = (uint16_t)count;
    disk_packet.offset = 0;
    disk_packet.segment = (uint16_t)((uintptr_t)buffer >> 4);
    disk_packet.sector = sector;
    /* The BIOS reads the packet and writes the buffer behind the compiler's back. */
    __asm__ volatile("" : : : "memory");
    uint32_t status = bios_read();
    __asm__ volatile("" : : : "memory");
    if (status != 0)
        fail("disk cannot be read at sector", sector);
    buffer_start = sector;
    buffer_end = sector + count;
}

struct sectors disk_read(uint64_t sector, uint64_t end)
{
    if (sector < buffer_start || sector >= buffer_end)
        fill_buffer(sector, end);
    uint64_t last = buffer_end < end ? buffer_end : end;
    return (struct sectors){buffer + (uint32_t)(sector - buffer_start) * SECTOR_SIZE,
                            (uint32_t)(last - sector)};
}
