#include "metadata.h"

#include "bytes.h"
#include "console.h"
#include "disk.h"
#include "layout.h"

static uint64_t first_sector;
static uint32_t size;

/* Direct-mapped: slot n holds chunk n, n + 256, ... ; one more than the chunk's number, 0 if empty. */
static uint32_t holds[METADATA_CACHE_CHUNKS];

void metadata_open(uint64_t sector, uint32_t bytes)
{
    first_sector = sector;
    size = bytes;
}

static const uint8_t *chunk_bytes(uint32_t chunk)
{
    uint32_t slot = chunk % METADATA_CACHE_CHUNKS;
    uint8_t *cached = (uint8_t *)(METADATA_CACHE + slot * CHUNK_SIZE);
    if (holds[slot] != chunk + 1) {
        uint64_t end = first_sector + size / SECTOR_SIZE;
        uint64_t sector = first_sector + (uint64_t)chunk * CHUNK_SECTORS;
        uint8_t *to = cached;
        if (end > sector + CHUNK_SECTORS)
            end = sector + CHUNK_SECTORS;
        while (sector < end) {
            struct sectors got = disk_read(sector, end);
            memcpy(to, got.bytes, got.count * SECTOR_SIZE);
            to += got.count * SECTOR_SIZE;
            sector += got.count;
        }
        holds[slot] = chunk + 1;
    }
    return cached;
}

void metadata_read(uint32_t offset, void *to, uint32_t length)
{
    uint8_t *at = to;
    if (offset > size || length > size - offset)
        fail("structure info is cut short at byte", offset);
    while (length > 0) {
        uint32_t start = offset % CHUNK_SIZE;
        uint32_t part = CHUNK_SIZE - start;
        if (part > length)
            part = length;
        memcpy(at, chunk_bytes(offset / CHUNK_SIZE) + start, part);
        at += part;
        offset += part;
        length -= part;
    }
}
