/*
 * The boot probe: stands in for an OSv loader.img, is booted from the finished disk and prints
 * what it finds there, so that a test sees the disk with eyes that share no code with its writer.
 *
 *   cmdline BYTES
 *   partition type=N start=N sectors=N chs_sector=N
 *   superblock version=1 block_size=512 ...
 *   dir PATH | file PATH SIZE CRC32 | link PATH -> TARGET => WHAT IT REACHES (resolve.h)
 *   probe: done N files
 *
 * Bytes that are not printable are \xHH (console.h). The first thing that is wrong ends the
 * report with "probe: error ...". Every line ends in \r\n; then the machine powers off.
 */
#include "bytes.h"
#include "command-line.h"
#include "console.h"
#include "disk.h"
#include "layout.h"
#include "resolve.h"
#include "rofs.h"

static void report_command_line(void)
{
    const uint8_t *area = command_line();
    uint32_t length = 0;
    while (length < COMMAND_LINE_SIZE && area[length] != 0)
        length++;
    put_text("cmdline ");
    put_escaped(area, length);
    put_line_end();
    /* OSv would go on with what it loaded: cut, and silently. */
    if (length == COMMAND_LINE_SIZE)
        fail("command line does not end within bytes:", length);
}

struct partition {
    uint32_t start;
    uint32_t sectors;
};

static struct partition report_partition(void)
{
    const uint8_t *entry = disk_read(0, 1).bytes + PARTITION_SLOT;
    uint8_t type = entry[4];
    uint8_t chs_sector = entry[2] & 0x3f;
    struct partition partition = {get32(entry + 8), get32(entry + 12)};
    put_text("partition type=");
    put_number(type);
    put_text(" start=");
    put_number(partition.start);
    put_text(" sectors=");
    put_number(partition.sectors);
    put_text(" chs_sector=");
    put_number(chs_sector);
    put_line_end();
    /* fs/devfs/device.cc sees no partition in a slot that lacks either. */
    if (type == 0)
        fail("partition slot 2 is empty, type", type);
    if (chs_sector == 0)
        fail("partition slot 2 is ignored by the kernel, CHS start sector", chs_sector);
    if (partition.sectors == 0)
        fail("partition slot 2 has no sectors, start", partition.start);
    /* A disk that was cut short shows here and not somewhere in the middle. */
    uint64_t end = (uint64_t)partition.start + partition.sectors;
    disk_read(end - 1, end);
    return partition;
}

static void enter_directory(uint32_t inode)
{
    uint8_t *seen = (uint8_t *)SEEN_DIRECTORIES + inode / 8;
    uint8_t bit = (uint8_t)(1 << inode % 8);
    if (*seen & bit)
        fail("directory is reached twice, inode", inode);
    *seen |= bit;
}

static void check_name(const struct name *name, uint64_t inode)
{
    bool dots = name->length <= 2 && same_bytes(name->bytes, "..", name->length);
    if (dots) /* or empty */
        fail("name is empty, . or .., inode", inode);
    for (uint32_t i = 0; i < name->length; i++)
        if (name->bytes[i] == '/' || name->bytes[i] == 0)
            fail("name holds a slash or a NUL, inode", inode);
}

static uint32_t files;
static uint8_t path[PATH_SIZE];

static void report_inode(const struct inode *inode, uint32_t path_length)
{
    static struct name target;
    if (inode->kind == DIRECTORY) {
        put_text("dir ");
        put_name(path, path_length);
    } else if (inode->kind == SYMLINK) {
        rofs_target(inode, &target);
        put_text("link ");
        put_name(path, path_length);
        put_text(" -> ");
        put_name(target.bytes, target.length);
        put_text(" => ");
        put_text(resolve(path, path_length));
    } else {
        files++;
        uint32_t crc = rofs_file_crc32(inode);
        put_text("file ");
        put_name(path, path_length);
        put_text(" ");
        put_number(inode->count);
        put_text(" ");
        put_hex(crc, 8);
    }
    put_line_end();
}

/* Depth first, in the order of the disk. Every level takes two bytes of path at least. */
static void report_tree(void)
{
    static struct level {
        struct cursor at;
        uint32_t path_length;
    } levels[PATH_SIZE / 2 + 1];
    static struct name name;
    struct level *level = levels;
    struct inode inode = rofs_inode(ROOT_INODE);
    uint64_t number;

    if (inode.kind != DIRECTORY)
        fail("root is not a directory, inode", ROOT_INODE);
    enter_directory(inode.number);
    put_text("dir /");
    put_line_end();
    *level = (struct level){rofs_list(&inode), 0};
    for (;;) {
        if (!rofs_next(&level->at, &name, &number)) {
            if (level-- == levels)
                return;
            continue;
        }
        check_name(&name, number);
        uint32_t length = level->path_length;
        if (length + 1 + name.length >= PATH_SIZE)
            fail("path is longer than OSv allows, inode", number);
        path[length++] = '/';
        memcpy(path + length, name.bytes, name.length);
        length += name.length;
        inode = rofs_inode(number);
        report_inode(&inode, length);
        if (inode.kind == DIRECTORY) {
            enter_directory(inode.number);
            *++level = (struct level){rofs_list(&inode), length};
        }
    }
}

/* start.S comes here. */
void probe(void);

void probe(void)
{
    console_open();
    crc32_open();
    memset((void *)SEEN_DIRECTORIES, 0, MAX_INODES / 8 + 1);
    report_command_line();
    struct partition partition = report_partition();
    rofs_open(partition.start, partition.sectors);
    report_tree();
    put_text("probe: done ");
    put_number(files);
    put_text(" files");
    put_line_end();
    power_off();
}
