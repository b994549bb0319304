/** What a machine does after it has printed its text. */
export type Afterwards = 'power-off' | 'stay';

const sectorSize = 512;

/** SeaBIOS boots from no disk that is smaller than a track. */
const diskSize = 1 << 20;

/** Where the BIOS puts a boot sector. */
const loadAddress = 0x7c00;

/** The mark of OSv's loader, by which a disk is known to boot by itself. */
const loaderMark = { text: 'VSO', offset: 0x1b8 };

/**
 * A raw disk whose boot sector prints a text on the serial port and then powers the machine off, or does
 * nothing for ever: the smallest guest. It stands in for OSv where only the life of a machine is looked at.
 */
export function bootSectorDisk(text: string, afterwards: Afterwards): Buffer {
  const message = Buffer.from(`${text}\0`, 'latin1');
  const tail = afterwards === 'power-off' ? [...powerOff, ...halt] : halt;
  const code = Buffer.from([...printing, ...tail]);
  code.writeUInt16LE(loadAddress + code.length, messageAddress);
  if (code.length + message.length > loaderMark.offset) throw new Error('the text is too long');
  const disk = Buffer.alloc(diskSize);
  Buffer.concat([code, message]).copy(disk);
  disk.write(loaderMark.text, loaderMark.offset, 'latin1');
  disk.writeUInt16LE(0xaa55, sectorSize - 2);
  return disk;
}

const printing = [
  ...[0xfa, 0x31, 0xc0, 0x8e, 0xd8, 0xfc], // cli; xor ax, ax; mov ds, ax; cld
  ...[0xba, 0xf8, 0x03], // mov dx, COM1
  ...[0xbe, 0x00, 0x00], // mov si, the message
  ...[0xac, 0x84, 0xc0, 0x74, 0x03, 0xee, 0xeb, 0xf8], // lodsb; test al, al; jz on; out dx, al; again
];

/** Of the operand in `printing`. */
const messageAddress = 10;

/** PIIX4's PM1a control register where SeaBIOS puts it on -M pc; SLP_EN with type 0 is S5. */
const powerOff = [0xba, 0x04, 0x06, 0xb8, 0x00, 0x20, 0xef]; // mov dx, 0x604; mov ax, 0x2000; out dx, ax

const halt = [0xf4, 0xeb, 0xfd]; // hlt; again
