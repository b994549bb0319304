/*
 * The boot sector. It has the fields of OSv's (arch/x64/boot16.S) that image builders
 * read or patch, and its job: fetch the payload from sector 128 on, go to its entry.
 */
#include "../layout.h"

        .code16
        .globl _start
_start:
        jmp begin

        .org 0x10
count32:                                /* 32 KiB units of payload, patched in by the build */
        .word 0

begin:
        xorw %ax, %ax
        movw %ax, %ds
        movw %ax, %es
        movw %ax, %ss
        movw $REAL_MODE_STACK, %sp
        cld
        movw count32, %cx
read_chunk:
        movw $packet, %si
        movb $0x42, %ah                 /* extended read; DL is still the boot drive */
        int $0x13
        jc failed
        addw $(CHUNK_SIZE / 16), packet_segment
        addl $CHUNK_SECTORS, packet_sector
        loop read_chunk

        cli
        inb $0x92, %al                  /* open the A20 gate, leave the reset bit alone */
        orb $2, %al
        andb $0xfe, %al
        outb %al, $0x92
        lgdtl gdt_pointer
        movl %cr0, %eax
        orb $1, %al
        movl %eax, %cr0
        ljmp $8, $protected

failed:
        movw $message, %si
        movw $0x3f8, %dx
print:
        lodsb
        testb %al, %al
        jz power_off
        outb %al, %dx
        jmp print
power_off:
        movw $0x604, %dx
        movw $0x2000, %ax
        outw %ax, %dx
        cli
        hlt

        .code32
protected:
        movw $16, %ax
        movw %ax, %ds
        movw %ax, %es
        movw %ax, %ss
        jmp *(LOAD_ADDRESS + E_ENTRY)   /* the entry finds the boot drive in DL */

        .balign 4
packet:
        .byte 16, 0
        .word CHUNK_SECTORS
        .word 0                         /* offset */
packet_segment:
        .word LOAD_ADDRESS / 16
packet_sector:
        .quad PAYLOAD_LBA

gdt:
        .quad 0
        .quad 0x00cf9a000000ffff        /*  8: code, all of memory */
        .quad 0x00cf92000000ffff        /* 16: data, all of memory */
gdt_pointer:
        .word . - gdt - 1
        .long gdt

message:
        .asciz "probe: error boot sector cannot read the payload\r\n"

        .org 0x1b8
        .ascii "VSO\0\0\0"              /* OSv's disk signature */
        .fill 4 * 16, 1, 0              /* no partitions yet */
        .org 0x1fe
        .byte 0x55, 0xaa
