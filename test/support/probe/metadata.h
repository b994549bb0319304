/* ROFS "structure info" (directory entries, symlinks, inodes) as bytes, through a cache. */
#ifndef PROBE_METADATA_H
#define PROBE_METADATA_H

#include <stdint.h>

void metadata_open(uint64_t first_sector, uint32_t size);

/* Offsets count from the start of the structure info; to read past its end ends the probe. */
void metadata_read(uint32_t offset, void *to, uint32_t length);

#endif
