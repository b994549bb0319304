#include "disk.h"

#include "console.h"
#include "drive.h"
#include "layout.h"

/* Aligned, so that it crosses no 64 KiB line: a BIOS that uses ISA-style DMA could not. */
static uint8_t buffer[MAX_READ_SECTORS * SECTOR_SIZE] __attribute__((aligned(0x10000)));
static uint64_t buffer_start;
static uint64_t buffer_end;

static void fill_buffer(uint64_t sector, uint64_t end)
{
    uint32_t count = end - sector < MAX_READ_SECTORS ? (uint32_t)(end - sector) : MAX_READ_SECTORS;
    if (!drive_read(sector, count, buffer))
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
