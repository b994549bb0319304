#include "../command-line.h"

#include "../disk.h"
#include "../layout.h"

/* Behind the boot sector. */
#define COMMAND_LINE_LBA 1

const uint8_t *command_line(void)
{
    return disk_read(COMMAND_LINE_LBA, COMMAND_LINE_LBA + COMMAND_LINE_SIZE / SECTOR_SIZE).bytes;
}
