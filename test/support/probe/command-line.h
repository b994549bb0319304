/* Where the kernel's command line is: each machine has it elsewhere. */
#ifndef PROBE_COMMAND_LINE_H
#define PROBE_COMMAND_LINE_H

#include <stdint.h>

/* It ends with the first NUL, or with COMMAND_LINE_SIZE bytes. */
const uint8_t *command_line(void);

#endif
