#include "bytes.h"

void *memcpy(void *to, const void *from, size_t length)
{
    void *result = to;
    size_t words = length / 4;
    size_t rest = length % 4;
    __asm__ volatile("rep movsl" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(rest) : : "memory");
    return result;
}

void *memset(void *at, int value, size_t length)
{
    void *result = at;
    __asm__ volatile("rep stosb" : "+D"(at), "+c"(length) : "a"(value) : "memory");
    return result;
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
