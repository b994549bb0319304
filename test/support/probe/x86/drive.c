#include "../drive.h"

/* Disk address packet of int 13h, AH=42h (Phoenix Enhanced Disk Drive specification). */
struct disk_packet {
    uint8_t size;
    uint8_t zero;
    uint16_t count;
    uint16_t offset;
    uint16_t segment;
    uint64_t sector;
} __attribute__((packed));

/* start.S: the packet lies where real mode reaches it. */
extern struct disk_packet disk_packet;
extern uint32_t bios_read(void);

bool drive_read(uint64_t sector, uint32_t count, uint8_t *to)
{
    disk_packet.size = sizeof disk_packet;
    disk_packet.zero = 0;
    disk_packet.count = (uint16_t)count;
    disk_packet.offset = 0;
    disk_packet.segment = (uint16_t)((uintptr_t)to >> 4);
    disk_packet.sector = sector;
    /* The BIOS reads the packet and writes the sectors behind the compiler's back. */
    __asm__ volatile("" : : : "memory");
    uint32_t status = bios_read();
    __asm__ volatile("" : : : "memory");
    return status == 0;
}
