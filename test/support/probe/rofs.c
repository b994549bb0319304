#include "rofs.h"

#include "bytes.h"
#include "console.h"
#include "disk.h"
#include "layout.h"
#include "metadata.h"

#define MAGIC 0xdeadbead
#define INODE_SIZE 32

/*
 * A table of records of no fixed size, each a header that ends in a u16 length, and that many
 * bytes. To find record N without reading all before it, every 64th offset is marked.
 */
#define MARK_DISTANCE 64
struct table {
    uint32_t header_size;
    uint32_t count;
    uint32_t *marks;
};

static struct table entries = {.header_size = 10, .marks = (uint32_t *)ENTRY_MARKS};
static struct table symlinks = {.header_size = 2, .marks = (uint32_t *)SYMLINK_MARKS};
static uint64_t partition_sector;
static uint64_t metadata_block;
static uint64_t inodes_count;
static uint32_t inodes_offset;

static uint32_t after_record(const struct table *table, uint32_t offset)
{
    uint8_t header[10];
    metadata_read(offset, header, table->header_size);
    return offset + table->header_size + get16(header + table->header_size - 2);
}

/* Returns the offset behind the last record. */
static uint32_t measure(struct table *table, uint32_t offset, uint64_t count, uint32_t max_marks)
{
    if (count > (uint64_t)max_marks * MARK_DISTANCE)
        fail("superblock counts more records than the probe can handle:", count);
    table->count = (uint32_t)count;
    for (uint32_t i = 0; i < table->count; i++) {
        if (i % MARK_DISTANCE == 0)
            table->marks[i / MARK_DISTANCE] = offset;
        offset = after_record(table, offset);
    }
    return offset;
}

static uint32_t record_offset(const struct table *table, uint32_t index)
{
    uint32_t offset = table->marks[index / MARK_DISTANCE];
    for (uint32_t i = index % MARK_DISTANCE; i > 0; i--)
        offset = after_record(table, offset);
    return offset;
}

static void put_field(const char *label, uint64_t value)
{
    put_text(label);
    put_number(value);
}

void rofs_open(uint64_t first_sector, uint64_t sectors)
{
    const uint8_t *block = disk_read(first_sector, first_sector + 1).bytes;
    if (get64(block) != MAGIC)
        fail("superblock has the wrong magic:", get64(block));
    uint64_t version = get64(block + 8);
    uint64_t block_size = get64(block + 16);
    uint64_t blocks = get64(block + 32);
    uint64_t entries_count = get64(block + 40);
    uint64_t symlinks_count = get64(block + 48);
    metadata_block = get64(block + 24);
    inodes_count = get64(block + 56);
    partition_sector = first_sector;

    put_field("superblock version=", version);
    put_field(" block_size=", block_size);
    put_field(" structure_info_first_block=", metadata_block);
    put_field(" structure_info_blocks_count=", blocks);
    put_field(" directory_entries_count=", entries_count);
    put_field(" symlinks_count=", symlinks_count);
    put_field(" inodes_count=", inodes_count);
    put_line_end();

    if (version != 1)
        fail("superblock version is not 1 but", version);
    if (block_size != SECTOR_SIZE)
        fail("superblock block size is not 512 but", block_size);
    if (metadata_block == 0 || metadata_block >= sectors)
        fail("structure info begins outside the partition, at block", metadata_block);
    if (blocks == 0 || blocks > sectors - metadata_block)
        fail("structure info ends outside the partition, blocks:", blocks);
    if (blocks > UINT32_MAX / SECTOR_SIZE)
        fail("structure info has more blocks than the probe can handle:", blocks);
    if (inodes_count > MAX_INODES)
        fail("superblock counts more inodes than the probe can handle:", inodes_count);
    if (inodes_count == 0)
        fail("superblock has no root inode, inodes:", 0);

    uint32_t size = (uint32_t)blocks * SECTOR_SIZE;
    metadata_open(first_sector + metadata_block, size);
    inodes_offset = measure(&symlinks, measure(&entries, 0, entries_count, ENTRY_MARKS_COUNT),
                            symlinks_count, SYMLINK_MARKS_COUNT);
    if (inodes_count * INODE_SIZE > size - inodes_offset)
        fail("structure info has no room for so many inodes:", inodes_count);
}

struct inode rofs_inode(uint64_t number)
{
    uint8_t record[INODE_SIZE];
    struct inode inode;
    if (number == 0 || number > inodes_count)
        fail("there is no inode", number);
    inode.number = (uint32_t)number;
    metadata_read(inodes_offset + (inode.number - 1) * INODE_SIZE, record, sizeof record);
    /* The kernel trusts the position, not this field; a writer that mixes them up is wrong. */
    if (get64(record + 8) != number)
        fail("inode has another number in its record:", number);
    inode.kind = (enum kind)(get32(record) & 0xf000);
    inode.start = get64(record + 16);
    inode.count = get64(record + 24);

    if (inode.kind == DIRECTORY) {
        if (inode.count > 0 &&
            (inode.start >= entries.count || inode.count > entries.count - inode.start))
            fail("directory has entries outside the table, inode", number);
    } else if (inode.kind == SYMLINK) {
        if (inode.start >= symlinks.count || inode.count != 1)
            fail("symlink is outside the table, inode", number);
    } else if (inode.kind == FILE) {
        uint64_t blocks = (inode.count >> 9) + (inode.count % SECTOR_SIZE != 0);
        if (blocks > 0 && (inode.start == 0 || inode.start >= metadata_block ||
                           blocks > metadata_block - inode.start))
            fail("file has data outside the data blocks, inode", number);
    } else {
        fail("inode is neither directory nor file nor symlink:", number);
    }
    return inode;
}

struct cursor rofs_list(const struct inode *directory)
{
    struct cursor at = {.left = (uint32_t)directory->count};
    if (at.left > 0)
        at.offset = record_offset(&entries, (uint32_t)directory->start);
    return at;
}

bool rofs_next(struct cursor *at, struct name *name, uint64_t *inode)
{
    uint8_t header[10];
    if (at->left == 0)
        return false;
    metadata_read(at->offset, header, sizeof header);
    *inode = get64(header);
    name->length = get16(header + 8);
    if (name->length >= PATH_SIZE)
        fail("name is longer than a path may be, inode", *inode);
    metadata_read(at->offset + sizeof header, name->bytes, name->length);
    at->offset += sizeof header + name->length;
    at->left--;
    return true;
}

bool rofs_lookup(const struct inode *directory, const uint8_t *name, uint32_t length,
                 struct inode *found)
{
    static struct name candidate;
    uint64_t inode;
    struct cursor at = rofs_list(directory);
    while (rofs_next(&at, &candidate, &inode)) {
        if (candidate.length == length && same_bytes(candidate.bytes, name, length)) {
            *found = rofs_inode(inode);
            return true;
        }
    }
    return false;
}

void rofs_target(const struct inode *symlink, struct name *target)
{
    uint8_t header[2];
    uint32_t offset = record_offset(&symlinks, (uint32_t)symlink->start);
    metadata_read(offset, header, sizeof header);
    target->length = get16(header);
    if (target->length == 0 || target->length >= PATH_SIZE)
        fail("symlink target is empty or too long, inode", symlink->number);
    metadata_read(offset + sizeof header, target->bytes, target->length);
    for (uint32_t i = 0; i < target->length; i++)
        if (target->bytes[i] == 0)
            fail("symlink target holds a NUL, inode", symlink->number);
}

uint32_t rofs_file_crc32(const struct inode *file)
{
    /* Read ahead to the end of all files: the next one is likely to follow this one on disk. */
    uint64_t end = partition_sector + metadata_block;
    uint64_t sector = partition_sector + file->start;
    uint64_t left = file->count;
    uint32_t crc = 0;
    while (left > 0) {
        struct sectors got = disk_read(sector, end);
        uint32_t size = got.count * SECTOR_SIZE;
        if (size > left)
            size = (uint32_t)left;
        crc = crc32(crc, got.bytes, size);
        sector += got.count;
        left -= size;
    }
    return crc;
}
