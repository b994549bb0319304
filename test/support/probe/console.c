#include <stdbool.h>

#include "console.h"

#define COM1 0x3f8
#define LINE_STATUS (COM1 + 5)
#define TRANSMITTER_EMPTY 0x20
#define FIFO_SIZE 16

/* PIIX4's PM1a control register where SeaBIOS puts it on -M pc; SLP_EN with type 0 is S5. */
#define PM1A_CONTROL 0x604
#define SLEEP_ENABLE 0x2000

static uint8_t pending[FIFO_SIZE];
static uint32_t pending_count;
static bool inside_line;

static inline void out8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t in8(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

void console_open(void)
{
    out8(COM1 + 1, 0);    /* no interrupts */
    out8(COM1 + 3, 0x80); /* 115200 8N1 */
    out8(COM1, 1);
    out8(COM1 + 1, 0);
    out8(COM1 + 3, 3);
    out8(COM1 + 2, 7);    /* FIFOs on and empty */
}

/* One look at the status register a FIFO-full: port accesses are what costs time in an emulator. */
static void flush(void)
{
    const uint8_t *from = pending;
    uint32_t count = pending_count;
    while (!(in8(LINE_STATUS) & TRANSMITTER_EMPTY)) {
    }
    __asm__ volatile("rep outsb" : "+S"(from), "+c"(count) : "d"((uint16_t)COM1) : "memory");
    pending_count = 0;
}

static void put_char(char c)
{
    pending[pending_count++] = (uint8_t)c;
    if (pending_count == FIFO_SIZE)
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
        /* By halves: there is no 64-bit division on i386 without libgcc. */
        uint32_t high = (uint32_t)(value >> 32);
        uint32_t low = (uint32_t)value;
        uint32_t rest = high % 10;
        high /= 10;
        __asm__("divl %4" : "=a"(low), "=d"(rest) : "a"(low), "d"(rest), "rm"(10u));
        value = (uint64_t)high << 32 | low;
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
    __asm__ volatile("outw %0, %1" : : "a"((uint16_t)SLEEP_ENABLE), "Nd"((uint16_t)PM1A_CONTROL));
    for (;;)
        __asm__ volatile("cli; hlt");
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
