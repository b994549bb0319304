/*
 * The first virtio block device on the PCI bus of QEMU's virt board, through its modern
 * registers (Virtual I/O Device 1.1, sections 2.6, 4.1 and 5.2). No firmware has given it
 * addresses, so it gets them here.
 */
#include "../drive.h"

#include "../bytes.h"
#include "../console.h"
#include "../layout.h"

/* hw/arm/virt.c: VIRT_HIGH_PCIE_ECAM, VIRT_PCIE_MMIO. */
#define CONFIG_SPACE 0x4010000000UL
#define WINDOW 0x10000000UL

#define VENDOR_VIRTIO 0x1af4
#define BLOCK_TRANSITIONAL 0x1001
#define BLOCK 0x1042

#define PCI_COMMAND 0x04
#define PCI_MEMORY_AND_MASTER 6
#define PCI_BARS 0x10
#define PCI_CAPABILITIES 0x34
#define VENDOR_CAPABILITY 9
#define COMMON_CONFIG 1
#define NOTIFY_CONFIG 2

/* Status of a device. */
#define ACKNOWLEDGE 1
#define DRIVER 2
#define DRIVER_OK 4
#define FEATURES_OK 8

/* Of struct virtio_pci_common_cfg. */
struct common_config {
    uint32_t device_feature_select;
    uint32_t device_feature;
    uint32_t driver_feature_select;
    uint32_t driver_feature;
    uint16_t config_vector;
    uint16_t queues;
    uint8_t status;
    uint8_t generation;
    uint16_t queue_select;
    uint16_t queue_size;
    uint16_t queue_vector;
    uint16_t queue_enable;
    uint16_t queue_notify_offset;
    uint32_t queue_descriptors[2];
    uint32_t queue_driver[2];
    uint32_t queue_device[2];
};

#define QUEUE_SIZE 4
#define NEXT 1
#define WRITE 2

static struct {
    struct descriptor {
        uint64_t address;
        uint32_t length;
        uint16_t flags;
        uint16_t next;
    } descriptors[QUEUE_SIZE];
    struct {
        uint16_t flags;
        volatile uint16_t index;
        uint16_t ring[QUEUE_SIZE];
    } available;
    struct {
        uint16_t flags;
        volatile uint16_t index;
        struct {
            uint32_t id;
            uint32_t length;
        } ring[QUEUE_SIZE];
    } used __attribute__((aligned(4)));
} queue __attribute__((aligned(16)));

static struct {
    uint32_t type; /* 0: read */
    uint32_t reserved;
    uint64_t sector;
} request;
static volatile uint8_t outcome;

static volatile uint16_t *doorbell;

static volatile uint32_t *config_word(uint32_t device, uint32_t offset)
{
    return (volatile uint32_t *)(CONFIG_SPACE + (device << 15) + offset);
}

static uint8_t config_byte(uint32_t device, uint32_t offset)
{
    return (uint8_t)(*config_word(device, offset & ~3u) >> (offset % 4 * 8));
}

static uint32_t find_device(void)
{
    for (uint32_t device = 0; device < 32; device++) {
        uint32_t id = *config_word(device, 0);
        if ((id & 0xffff) == VENDOR_VIRTIO && (id >> 16 == BLOCK || id >> 16 == BLOCK_TRANSITIONAL))
            return device;
    }
    fail("no virtio block device on the PCI bus, slots:", 32);
}

/* Where the registers of a kind are; `capability` is where the device says so. */
static uint8_t *registers(uint32_t device, uint8_t kind, uint32_t *capability)
{
    uint32_t at = config_byte(device, PCI_CAPABILITIES);
    /* A list that runs in a circle has no 48 members. */
    for (int left = 48; at != 0 && left > 0; left--) {
        if (config_byte(device, at) == VENDOR_CAPABILITY && config_byte(device, at + 3) == kind) {
            uint32_t bar = config_byte(device, at + 4);
            *config_word(device, PCI_BARS + bar * 4) = (uint32_t)WINDOW;
            *config_word(device, PCI_BARS + bar * 4 + 4) = 0;
            *capability = at;
            return (uint8_t *)WINDOW + *config_word(device, at + 8);
        }
        at = config_byte(device, at + 1);
    }
    fail("virtio block device lacks registers of kind", kind);
}

static void put_address(volatile uint32_t *field, const void *address)
{
    field[0] = (uint32_t)(uintptr_t)address;
    field[1] = (uint32_t)((uintptr_t)address >> 32);
}

static void open_queue(void)
{
    uint32_t capability;
    uint32_t device = find_device();
    volatile struct common_config *common =
        (volatile struct common_config *)registers(device, COMMON_CONFIG, &capability);
    uint8_t *notify = registers(device, NOTIFY_CONFIG, &capability);
    *config_word(device, PCI_COMMAND) = PCI_MEMORY_AND_MASTER;

    common->status = 0;
    common->status = ACKNOWLEDGE | DRIVER;
    /* VIRTIO_F_VERSION_1, bit 32, and nothing else. */
    common->driver_feature_select = 0;
    common->driver_feature = 0;
    common->driver_feature_select = 1;
    common->driver_feature = 1;
    common->status = ACKNOWLEDGE | DRIVER | FEATURES_OK;
    if (!(common->status & FEATURES_OK))
        fail("virtio block device refuses its features, status", common->status);
    common->queue_select = 0;
    common->queue_size = QUEUE_SIZE;
    put_address(common->queue_descriptors, &queue.descriptors);
    put_address(common->queue_driver, &queue.available);
    put_address(common->queue_device, &queue.used);
    common->queue_enable = 1;
    common->status = ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK;
    doorbell = (volatile uint16_t *)(notify + common->queue_notify_offset *
                                                  *config_word(device, capability + 16));
}

bool drive_read(uint64_t sector, uint32_t count, uint8_t *to)
{
    if (doorbell == 0)
        open_queue();
    request.sector = sector;
    outcome = 0xff;
    queue.descriptors[0] = (struct descriptor){(uintptr_t)&request, sizeof request, NEXT, 1};
    queue.descriptors[1] =
        (struct descriptor){(uintptr_t)to, count * SECTOR_SIZE, NEXT | WRITE, 2};
    queue.descriptors[2] = (struct descriptor){(uintptr_t)&outcome, 1, WRITE, 0};
    queue.available.ring[queue.available.index % QUEUE_SIZE] = 0;
    __asm__ volatile("dsb sy" : : : "memory");
    uint16_t wanted = (uint16_t)(queue.available.index + 1);
    queue.available.index = wanted;
    __asm__ volatile("dsb sy" : : : "memory");
    *doorbell = 0;
    while (queue.used.index != wanted) {
    }
    __asm__ volatile("dsb sy" : : : "memory");
    return outcome == 0;
}
