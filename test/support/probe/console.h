/* The serial port: the probe's only way to speak. */
#ifndef PROBE_CONSOLE_H
#define PROBE_CONSOLE_H

#include <stdint.h>

void console_open(void);
void put_text(const char *text);
void put_number(uint64_t value);
void put_hex(uint32_t value, int digits);
void put_line_end(void);

/* Printable ASCII as it is, all else and the backslash as \xHH; so one line holds anything. */
void put_escaped(const uint8_t *bytes, uint32_t length);

/* As put_escaped, and '>' too, so that " -> " and " => " on a line are never part of a name. */
void put_name(const uint8_t *bytes, uint32_t length);

_Noreturn void power_off(void);

/* "probe: error WHAT VALUE" on a line of its own, then power off. */
_Noreturn void fail(const char *what, uint64_t value);

#endif
