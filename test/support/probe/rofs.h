/* The ROFS of the root partition (OSv: fs/rofs/rofs.hh, scripts/gen-rofs-img.py). */
#ifndef PROBE_ROFS_H
#define PROBE_ROFS_H

#include <stdbool.h>
#include <stdint.h>

/* OSv's PATH_MAX; no name or symlink target that is longer can be used there. */
#define PATH_SIZE 4096

enum kind { DIRECTORY = 0x4000, FILE = 0x8000, SYMLINK = 0xa000 };

struct inode {
    uint32_t number;
    enum kind kind;
    uint64_t start; /* file: block; directory: index of first entry; symlink: its index */
    uint64_t count; /* file: bytes; directory: entries */
};

/* A place in the list of a directory's entries. */
struct cursor {
    uint32_t offset;
    uint32_t left;
};

struct name {
    uint8_t bytes[PATH_SIZE];
    uint32_t length;
};

/* Prints the superblock, then checks it and measures the tables. */
void rofs_open(uint64_t first_sector, uint64_t sectors);

#define ROOT_INODE 1
struct inode rofs_inode(uint64_t number);

struct cursor rofs_list(const struct inode *directory);

/* The next entry's name and inode; false at the end. */
bool rofs_next(struct cursor *at, struct name *name, uint64_t *inode);

/* As the kernel looks names up: the first entry that is equal. */
bool rofs_lookup(const struct inode *directory, const uint8_t *name, uint32_t length,
                 struct inode *found);

void rofs_target(const struct inode *symlink, struct name *target);

uint32_t rofs_file_crc32(const struct inode *file);

#endif
