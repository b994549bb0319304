#include "bytes.h"

typedef uint32_t __attribute__((may_alias)) word;

void *memcpy(void *to, const void *from, size_t length)
{
    uint8_t *target = to;
    const uint8_t *source = from;
    /* Without its MMU on, an aarch64 takes words at their own alignment only. */
    if (((uintptr_t)target | (uintptr_t)source) % sizeof(word) == 0)
        for (; length >= sizeof(word); length -= sizeof(word)) {
            *(word *)target = *(const word *)source;
            target += sizeof(word);
            source += sizeof(word);
        }
    for (; length > 0; length--)
        *target++ = *source++;
    return to;
}

void *memset(void *at, int value, size_t length)
{
    uint8_t *target = at;
    word pattern = (uint8_t)value * 0x01010101u;
    if ((uintptr_t)target % sizeof(word) == 0)
        for (; length >= sizeof(word); length -= sizeof(word)) {
            *(word *)target = pattern;
            target += sizeof(word);
        }
    for (; length > 0; length--)
        *target++ = (uint8_t)value;
    return at;
}

bool same_bytes(const void *a, const void *b, size_t length)
{
    const uint8_t *left = a;
    const uint8_t *right = b;
    for (size_t i = 0; i < length; i++)
        if (left[i] != right[i])
            return false;
    return true;
}

uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] | at[1] << 8);
}

uint32_t get32(const uint8_t *at)
{
    return get16(at) | (uint32_t)get16(at + 2) << 16;
}

uint64_t get64(const uint8_t *at)
{
    return get32(at) | (uint64_t)get32(at + 4) << 32;
}

/* tables[n][b]: what byte b does to the CRC when n more bytes follow it. */
static uint32_t tables[4][256];

void crc32_open(void)
{
    for (uint32_t b = 0; b < 256; b++) {
        uint32_t crc = b;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
        tables[0][b] = crc;
    }
    for (int n = 1; n < 4; n++)
        for (uint32_t b = 0; b < 256; b++)
            tables[n][b] = tables[n - 1][b] >> 8 ^ tables[0][tables[n - 1][b] & 255];
}

uint32_t crc32(uint32_t crc, const uint8_t *bytes, uint32_t length)
{
    crc = ~crc;
    /* Four bytes a turn: an emulated load costs more than all the arithmetic. */
    for (; length >= 4; length -= 4, bytes += 4) {
        crc ^= get32(bytes);
        crc = tables[3][crc & 255] ^ tables[2][crc >> 8 & 255] ^ tables[1][crc >> 16 & 255] ^
              tables[0][crc >> 24];
    }
    for (; length > 0; length--)
        crc = crc >> 8 ^ tables[0][(crc ^ *bytes++) & 255];
    return ~crc;
}
