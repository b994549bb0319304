#include "console.h"

#include <stdbool.h>

#include "serial.h"

static uint8_t pending[SERIAL_BURST];
static uint32_t pending_count;
static bool inside_line;

void console_open(void)
{
    serial_open();
}

static void flush(void)
{
    serial_write(pending, pending_count);
    pending_count = 0;
}

static void put_char(char c)
{
    pending[pending_count++] = (uint8_t)c;
    if (pending_count == SERIAL_BURST)
        flush();
}

void put_text(const char *text)
{
    inside_line = true;
    while (*text)
        put_char(*text++);
}

void put_line_end(void)
{
    put_char('\r');
    put_char('\n');
    inside_line = false;
}

void put_hex(uint32_t value, int digits)
{
    while (digits-- > 0)
        put_char("0123456789abcdef"[value >> (4 * digits) & 15]);
}

void put_number(uint64_t value)
{
    char digits[21];
    char *at = digits + sizeof digits - 1;
    *at = 0;
    do {
        /* In parts: there is no 64-bit division on i386 without libgcc. */
        uint32_t high = (uint32_t)(value >> 32);
        uint32_t middle = (high % 10) << 16 | ((uint32_t)value >> 16);
        uint32_t low = (middle % 10) << 16 | ((uint32_t)value & 0xffff);
        uint32_t rest = low % 10;
        value = (uint64_t)(high / 10) << 32 | (uint64_t)(middle / 10) << 16 | low / 10;
        *--at = (char)('0' + rest);
    } while (value);
    put_text(at);
}

static void put_bytes(const uint8_t *bytes, uint32_t length, char also_escaped)
{
    inside_line = true;
    for (uint32_t i = 0; i < length; i++) {
        char c = (char)bytes[i];
        if (c < ' ' || c > '~' || c == '\\' || c == also_escaped) {
            put_char('\\');
            put_char('x');
            put_hex(bytes[i], 2);
        } else {
            put_char(c);
        }
    }
}

void put_escaped(const uint8_t *bytes, uint32_t length)
{
    put_bytes(bytes, length, '\\');
}

void put_name(const uint8_t *bytes, uint32_t length)
{
    put_bytes(bytes, length, '>');
}

void power_off(void)
{
    flush();
    machine_off();
}

void fail(const char *what, uint64_t value)
{
    if (inside_line)
        put_line_end();
    put_text("probe: error ");
    put_text(what);
    put_text(" ");
    put_number(value);
    put_line_end();
    power_off();
}
