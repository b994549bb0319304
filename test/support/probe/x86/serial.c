#include "../serial.h"

#define COM1 0x3f8
#define LINE_STATUS (COM1 + 5)
#define TRANSMITTER_EMPTY 0x20 /* and so a FIFO with room for 16 bytes, a burst */

/* PIIX4's PM1a control register where SeaBIOS puts it on -M pc; SLP_EN with type 0 is S5. */
#define PM1A_CONTROL 0x604
#define SLEEP_ENABLE 0x2000

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

void serial_open(void)
{
    out8(COM1 + 1, 0);    /* no interrupts */
    out8(COM1 + 3, 0x80); /* 115200 8N1 */
    out8(COM1, 1);
    out8(COM1 + 1, 0);
    out8(COM1 + 3, 3);
    out8(COM1 + 2, 7);    /* FIFOs on and empty */
}

/* One look at the status register a burst: port accesses are what costs time in an emulator. */
void serial_write(const uint8_t *bytes, uint32_t count)
{
    while (!(in8(LINE_STATUS) & TRANSMITTER_EMPTY)) {
    }
    __asm__ volatile("rep outsb" : "+S"(bytes), "+c"(count) : "d"((uint16_t)COM1) : "memory");
}

void machine_off(void)
{
    __asm__ volatile("outw %0, %1" : : "a"((uint16_t)SLEEP_ENABLE), "Nd"((uint16_t)PM1A_CONTROL));
    for (;;)
        __asm__ volatile("cli; hlt");
}
