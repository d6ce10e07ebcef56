# A guest in one sector, for trying out everything that does not need an operating system.
#
# It says that it is ready on the first serial port (COM1, 115200 8N1), echoes what it receives, and powers off
# when the ACPI power button is pressed. It sleeps in HLT with every interrupt masked that it does not need, so
# an idle guest costs nothing, even emulated. Machines: pc and q35 with SeaBIOS.
#
#   Enter          a new line and a new prompt        Ctrl-R   the guest resets itself
#   Ctrl-D         the guest powers itself off        Ctrl-P   the guest panics (needs a pvpanic device)
#
# boot.img is checked in. After a change make it anew (a test compares the two):
#   as --32 boot.S -o boot.o && ld -m elf_i386 -Ttext 0x7c00 --oformat binary boot.o -o boot.img
#
# Ports: ACPI 6.5, 4.8.3 (PM1 registers) with SeaBIOS's base of 0x600; 16550 UART at 0x3f8; 8259 interrupt
# controllers; QEMU docs/specs/pvpanic.

        .code16
        .text
        .globl  _start

        .set    COM1, 0x3f8
        .set    LSR, COM1 + 5
        .set    DATA_READY, 0x01
        .set    TRANSMITTER_EMPTY, 0x20

        .set    PM1_STATUS, 0x600
        .set    PM1_ENABLE, 0x602
        .set    PM1_CONTROL, 0x604
        .set    POWER_BUTTON, 0x0100
        .set    SLEEP_S5, 0x2000        # SLP_EN with SLP_TYP 0, which is S5 on both machines

        .set    SERIAL_VECTOR, 0x0c     # IRQ 4 and
        .set    ACPI_VECTOR, 0x71       # IRQ 9, where the BIOS has put them

_start:
        ljmp    $0, $start
start:
        cli
        cld
        xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movw    $0x7c00, %sp

        movw    $on_serial, SERIAL_VECTOR * 4
        movw    %ax, SERIAL_VECTOR * 4 + 2
        movw    $on_acpi, ACPI_VECTOR * 4
        movw    %ax, ACPI_VECTOR * 4 + 2

        movw    $registers, %si         # set up the UART and the masks of the interrupt controllers
1:      lodsw
        testw   %ax, %ax
        jz      2f
        xchgw   %ax, %dx
        lodsb
        outb    %al, %dx
        jmp     1b

2:      movw    $PM1_STATUS, %dx        # forget a press from before, then listen for the next
        movw    $POWER_BUTTON, %ax
        outw    %ax, %dx
        movw    $PM1_ENABLE, %dx
        outw    %ax, %dx

        movw    $banner, %si
        call    print

idle:   cli
        movw    $LSR, %dx
        inb     %dx, %al
        cmpb    $0xff, %al              # no serial port: only the power button is left
        je      1f
        testb   $DATA_READY, %al
        jnz     receive
1:      sti                             # takes effect after the next instruction, so no wake-up is lost
        hlt
        jmp     idle

receive:
        movw    $COM1, %dx
        inb     %dx, %al
        cmpb    $'\r', %al
        je      newline
        cmpb    $'\n', %al
        je      newline
        cmpb    $0x04, %al
        je      power_off
        cmpb    $0x12, %al
        je      reset
        cmpb    $0x10, %al
        je      panic
        call    put
        jmp     idle

newline:
        movw    $prompt, %si
        call    print
        jmp     idle

reset:  movb    $0xfe, %al              # the keyboard controller pulls the reset line
        outb    %al, $0x64
        jmp     idle

panic:  movw    $0x505, %dx             # pvpanic: bit 0 says "panicked"
        movb    $1, %al
        outb    %al, %dx
        jmp     idle

power_off:
        movw    $goodbye, %si
        call    print
        movw    $PM1_CONTROL, %dx
        movw    $SLEEP_S5, %ax
        outw    %ax, %dx
1:      hlt
        jmp     1b

# print the string at %si up to its zero byte
1:      call    put
print:  lodsb
        testb   %al, %al
        jnz     1b
        ret

# send the byte in %al
put:    movb    %al, %ah
        movw    $LSR, %dx
1:      inb     %dx, %al
        testb   $TRANSMITTER_EMPTY, %al
        jz      1b
        movb    %ah, %al
        movw    $COM1, %dx
        outb    %al, %dx
        ret

on_acpi:
        pushw   %ax
        pushw   %dx
        movw    $PM1_STATUS, %dx
        inw     %dx, %ax
        testw   $POWER_BUTTON, %ax
        jz      1f
        movw    $pressed, %si
        call    print
        jmp     power_off
1:      movb    $0x20, %al              # end of interrupt, to the second controller and the first
        outb    %al, $0xa0
        outb    %al, $0x20
        popw    %dx
        popw    %ax
        iret

on_serial:
        pushw   %ax
        movb    $0x20, %al
        outb    %al, $0x20
        popw    %ax
        iret

registers:
        .macro  write port, value
        .word   \port
        .byte   \value
        .endm
        write   COM1 + 3, 0x80          # divisor 1 is 115200 baud
        write   COM1 + 0, 0x01
        write   COM1 + 1, 0x00
        write   COM1 + 3, 0x03          # 8N1
        write   COM1 + 2, 0x00          # no FIFO
        write   COM1 + 4, 0x0b          # DTR, RTS, and OUT2, which lets interrupts out
        write   COM1 + 1, 0x01          # interrupt when data comes in
        write   0x21, 0xeb              # unmask IRQ 2 (the second controller) and 4
        write   0xa1, 0xfd              # unmask IRQ 9
        .word   0

banner: .ascii  "\r\nPolyvisor boot-sector guest ready"
prompt: .asciz  "\r\n> "
pressed:
        .asciz  "\r\npower button"
goodbye:
        .asciz  "\r\nbye\r\n"

        .org    510
        .word   0xaa55

        .org    16 * 63 * 512           # SeaBIOS reads nothing from a virtio disk of less than one cylinder
