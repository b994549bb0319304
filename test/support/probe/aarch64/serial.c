#include "../serial.h"

/* PL011 (Arm, DDI 0183), where QEMU's virt board has it (hw/arm/virt.c). */
#define UART 0x09000000UL
#define DATA (*(volatile uint32_t *)UART)
#define FLAGS (*(volatile uint32_t *)(UART + 0x18))
#define CONTROL (*(volatile uint32_t *)(UART + 0x30))
#define TRANSMIT_FULL 0x20
#define ENABLED 0x101 /* the port, and its transmitter */

/* Power State Coordination Interface (Arm, DEN 0022), 5.9: SYSTEM_OFF. */
#define SYSTEM_OFF 0x84000008UL

void serial_open(void)
{
    CONTROL = ENABLED;
}

void serial_write(const uint8_t *bytes, uint32_t count)
{
    for (; count > 0; count--) {
        while (FLAGS & TRANSMIT_FULL) {
        }
        DATA = *bytes++;
    }
}

void machine_off(void)
{
    register uint64_t function __asm__("x0") = SYSTEM_OFF;
    __asm__ volatile("hvc #0" : "+r"(function) : : "memory");
    for (;;)
        __asm__ volatile("wfi");
}
