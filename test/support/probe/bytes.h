/* The little of <string.h> that the probe needs; the compiler may call memcpy and memset too. */
#ifndef PROBE_BYTES_H
#define PROBE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *to, const void *from, size_t length);
void *memset(void *at, int value, size_t length);
bool same_bytes(const void *a, const void *b, size_t length);

/* Little-endian fields at any alignment. */
uint16_t get16(const uint8_t *at);
uint32_t get32(const uint8_t *at);
uint64_t get64(const uint8_t *at);

/* CRC-32 as in zlib; start with 0, pass on what came back. */
void crc32_open(void);
uint32_t crc32(uint32_t crc, const uint8_t *bytes, uint32_t length);

#endif
