/* The serial port and the power switch of a machine: each has its own. */
#ifndef PROBE_SERIAL_H
#define PROBE_SERIAL_H

#include <stdint.h>

/* The most that one call of serial_write takes. */
#define SERIAL_BURST 16

void serial_open(void);
void serial_write(const uint8_t *bytes, uint32_t count);

_Noreturn void machine_off(void);

#endif
