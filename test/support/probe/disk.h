/* The disk under test, in sectors. */
#ifndef PROBE_DISK_H
#define PROBE_DISK_H

#include <stdint.h>

struct sectors {
    const uint8_t *bytes;
    uint32_t count; /* 1 or more */
};

/*
 * The sectors from `sector` on, as many as there are at hand, but none from `end` on.
 * They stay valid until the next call. A call of the drive costs about a millisecond in an
 * emulator, whatever its size; so it reads ahead, and a next call may find all it wants.
 * A read that the drive refuses (past the end of the disk, say) ends the probe.
 */
struct sectors disk_read(uint64_t sector, uint64_t end);

#endif
