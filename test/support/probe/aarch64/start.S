/*
 * Entry of the payload: at EL1 with the MMU off, on one processor. x0 is the device tree, x1 the
 * room for a command line in the image.
 */
        .text
        .globl start
start:
        adrp x2, stack_top
        add x2, x2, :lo12:stack_top
        mov sp, x2
        adrp x2, bss_start
        add x2, x2, :lo12:bss_start
        adrp x3, bss_end
        add x3, x3, :lo12:bss_end
1:
        cmp x2, x3
        b.hs 2f
        strb wzr, [x2], #1
        b 1b
2:
        adrp x2, boot_values
        add x2, x2, :lo12:boot_values
        stp x0, x1, [x2]
        bl probe
3:
        wfi
        b 3b

        .bss
        .balign 16
        .globl boot_values
boot_values:                            /* struct boot_values in command-line.c */
        .skip 16
        .skip 0x10000
stack_top:

        .section .note.GNU-stack, "", @progbits
