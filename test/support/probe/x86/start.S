/*
 * Entry of the payload, and the way back to the BIOS: C runs in flat 32-bit protected mode,
 * the BIOS wants real mode, so each disk read goes down and comes up again.
 */
#include "../layout.h"

#define CODE32 8
#define DATA32 16
#define CODE16 24
#define DATA16 32

        /* Begins at LOW_ADDRESS, a real-mode segment of its own: 16-bit code counts from there. */
        .section .low, "awx"
low:
        .globl low_address
        low_address = LOW_ADDRESS       /* for the assertion in probe.ld */

        .code32
        .globl start
start:
        movl $STACK, %esp
        cld
        movb %dl, boot_drive
        lgdt gdt_pointer
        ljmp $CODE32, $1f
1:
        movw $DATA32, %ax
        movw %ax, %ds
        movw %ax, %es
        movw %ax, %fs
        movw %ax, %gs
        movw %ax, %ss
        movl $bss_start, %edi
        movl $bss_end, %ecx
        subl %edi, %ecx
        xorl %eax, %eax
        rep stosb
        call probe
        hlt

/*
 * uint32_t bios_read(void): int 13h, AH=42h with the packet that C has filled in.
 * Returns 0, or 0x100 with the BIOS status in the low byte.
 */
        .globl bios_read
bios_read:
        pushal
        movl %esp, saved_stack
        lidt real_mode_idt
        /* Through 16-bit segments: they leave limits behind that real mode can live with. */
        ljmp $CODE16, $(1f - low)
        .code16
1:
        movw $DATA16, %ax
        movw %ax, %ds
        movw %ax, %es
        movw %ax, %fs
        movw %ax, %gs
        movw %ax, %ss
        movl %cr0, %eax
        andb $0xfe, %al
        movl %eax, %cr0
        ljmp $(LOW_ADDRESS / 16), $(2f - low)
2:
        xorw %ax, %ax
        movw %ax, %ss
        movl $REAL_MODE_STACK, %esp
        movw %ax, %es
        movw %cs, %ax
        movw %ax, %ds
        sti
        movb boot_drive - low, %dl
        movw $(disk_packet - low), %si
        movb $0x42, %ah
        int $0x13
        cli
        cld
        sbbb %al, %al                   /* carry: the call failed, AH says why */
        movw %cs, %bx
        movw %bx, %ds
        movw %ax, disk_status - low
        lgdtl gdt_pointer - low
        movl %cr0, %eax
        orb $1, %al
        movl %eax, %cr0
        ljmpl $CODE32, $3f
        .code32
3:
        movw $DATA32, %ax
        movw %ax, %ds
        movw %ax, %es
        movw %ax, %fs
        movw %ax, %gs
        movw %ax, %ss
        movl saved_stack, %esp
        popal
        xorl %eax, %eax
        testb $0xff, disk_status
        jz 4f
        movb $1, %ah
        movb disk_status + 1, %al
4:
        ret

        .balign 8
gdt:
        .quad 0
        .quad 0x00cf9a000000ffff                                /* CODE32 */
        .quad 0x00cf92000000ffff                                /* DATA32 */
        .quad 0x00009a000000ffff + (LOW_ADDRESS << 16)         /* CODE16 */
        .quad 0x000092000000ffff                                /* DATA16 */
gdt_pointer:
        .word . - gdt - 1
        .long gdt
real_mode_idt:
        .word 0x3ff
        .long 0

        .balign 4
        .globl disk_packet
disk_packet:                            /* struct disk_packet in drive.c */
        .fill 16, 1, 0
saved_stack:
        .long 0
disk_status:
        .word 0
boot_drive:
        .byte 0

        .section .note.GNU-stack, "", @progbits
