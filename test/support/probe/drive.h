/* The disk of a machine as its firmware or its bus gives it: each has its own. */
#ifndef PROBE_DRIVE_H
#define PROBE_DRIVE_H

#include <stdbool.h>
#include <stdint.h>

/* Reads up to MAX_READ_SECTORS to a place that is aligned to 64 KiB; false when it cannot be. */
bool drive_read(uint64_t sector, uint32_t count, uint8_t *to);

#endif
