/*
 * As OSv takes it (arch/aarch64/arch-dtb.cc, dtb_setup): `bootargs` of the device tree, which is
 * what a hypervisor was told, before the one in the image.
 */
#include "../command-line.h"

#include "../bytes.h"
#include "../console.h"

/* Of a flattened device tree (Devicetree Specification 0.4, chapter 5). */
#define MAGIC 0xd00dfeed
#define BEGIN_NODE 1
#define END_NODE 2
#define PROPERTY 3
#define NOP 4

/* start.S: what the image was entered with. */
struct boot_values {
    const uint8_t *device_tree;
    const uint8_t *image_area;
};
extern struct boot_values boot_values;

static uint32_t big32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint32_t text_length(const uint8_t *text)
{
    uint32_t length = 0;
    while (text[length] != 0)
        length++;
    return length;
}

const uint8_t *command_line(void)
{
    static const char wanted[] = "bootargs";
    const uint8_t *tree = boot_values.device_tree;
    if (big32(tree) != MAGIC)
        fail("device tree has the wrong magic:", big32(tree));
    const uint8_t *at = tree + big32(tree + 8);
    const uint8_t *names = tree + big32(tree + 12);
    for (;;) {
        uint32_t token = big32(at);
        at += 4;
        if (token == BEGIN_NODE) {
            at += (text_length(at) + 4) & ~3u;
        } else if (token == PROPERTY) {
            uint32_t length = big32(at);
            if (same_bytes(names + big32(at + 4), wanted, sizeof wanted))
                return at + 8;
            at += 8 + ((length + 3) & ~3u);
        } else if (token != END_NODE && token != NOP) {
            return boot_values.image_area;
        }
    }
}
