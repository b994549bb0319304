/*
 * The first sector of the image: the header of an arm64 Image (Linux, Documentation/arch/arm64/
 * booting.rst), which QEMU and Firecracker look for, and OSv's way behind it (arch/aarch64/
 * preboot.S): on to the entry of the ELF that follows the command line, with the addresses of
 * the device tree and of the command line.
 */
        .globl _start
_start:
        b preboot
        .long 0
        .quad 0x80000                   /* load offset */
        .quad 0                         /* size in memory, patched in by the build */
        .quad 0                         /* flags */
        .quad 0, 0, 0
        .ascii "ARM\x64"
        .long 0

preboot:
        adr x1, _start
        add x2, x1, #0x10000
        add x1, x1, #0x200              /* x0 is the device tree, as it was handed over */
        ldr x2, [x2, #24]               /* e_entry of an ELF64 header */
        br x2
