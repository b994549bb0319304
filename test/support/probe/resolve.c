/*
 * After OSv's namei, namei_follow_link (fs/vfs/vfs_lookup.cc) and path_conv (fs/vfs/vfs_task.cc),
 * with their quirks, since the point is what the kernel will do and not what Linux would:
 *   - a relative link in the root directory loses the leading slash;
 *   - ".." takes the name before it off the text, without a look at what it is;
 *   - it is no name on disk, so in an absolute target it is not found;
 *   - a relative target like ".x" or "..x" is glued to the folder's own name, without a slash.
 */
#include "resolve.h"

#include "bytes.h"
#include "rofs.h"

/* MAXSYMLINKS is 20, and the 20th link is the one that is refused. */
#define MAX_LINKS 20

struct path {
    uint8_t bytes[2 * PATH_SIZE]; /* room to build one that is then found to be too long */
    uint32_t length;
};

static struct path path;
static struct path next;
static struct name target;

static void append(struct path *to, const uint8_t *bytes, uint32_t length)
{
    memcpy(to->bytes + to->length, bytes, length);
    to->length += length;
}

static bool is(const uint8_t *bytes, uint32_t length, const char *text, uint32_t text_length)
{
    return length == text_length && same_bytes(bytes, text, length);
}

/* Adds a relative target to the folder that `to` holds. */
static void append_relative(struct path *to)
{
    if (to->length > 1 && target.bytes[0] != '.')
        append(to, (const uint8_t *)"/", 1);
    for (uint32_t i = 0; i < target.length;) {
        const uint8_t *name = target.bytes + i;
        uint32_t length = 0;
        while (i < target.length && target.bytes[i] != '/')
            i++, length++;
        if (is(name, length, "..", 2)) {
            if (to->length >= 2) {
                to->length -= 2;
                while (to->bytes[to->length] != '/')
                    to->length--;
                if (to->length == 0)
                    to->length = 1;
            }
        } else if (!is(name, length, ".", 1)) {
            append(to, name, length);
        }
        if (i == target.length)
            break;
        i++;
        if (to->bytes[to->length - 1] != '/')
            append(to, (const uint8_t *)"/", 1);
    }
}

/* The length of the name at `at`, up to a slash or the path's end. */
static uint32_t name_length(uint32_t at)
{
    uint32_t end = at;
    while (end < path.length && path.bytes[end] != '/')
        end++;
    return end - at;
}

static bool is_mounted_over(void)
{
    static const char names[4][5] = {"dev", "proc", "sys", "tmp"};
    struct inode root = rofs_inode(ROOT_INODE);
    struct inode found;
    uint32_t length = name_length(1);
    for (int i = 0; i < 4; i++) {
        uint32_t mount_length = names[i][3] ? 4 : 3;
        if (is(path.bytes + 1, length, names[i], mount_length))
            /* Without a directory to mount on there is no mount. */
            return rofs_lookup(&root, path.bytes + 1, length, &found) && found.kind == DIRECTORY;
    }
    return false;
}

/* Walks `path` until its end or the first symlink. */
enum outcome { ARRIVED, LOST, AT_LINK };
struct walked {
    struct inode inode;
    uint32_t folder;   /* length of the folder's path, without a slash at its end */
    uint32_t consumed; /* length of the path up to and with the last name */
};

static enum outcome walk(struct walked *at)
{
    at->inode = rofs_inode(ROOT_INODE);
    at->folder = at->consumed = 0;
    for (uint32_t i = 0; i < path.length;) {
        if (path.bytes[i] == '/') {
            i++;
            continue;
        }
        uint32_t length = name_length(i);
        if (at->inode.kind != DIRECTORY ||
            !rofs_lookup(&at->inode, path.bytes + i, length, &at->inode))
            return LOST;
        i += length;
        /* Counted as if slashes were never doubled, as the kernel does, even when they are. */
        at->folder = at->consumed;
        at->consumed += 1 + length;
        if (at->inode.kind == SYMLINK)
            return AT_LINK;
        if (i < path.length && at->inode.kind != DIRECTORY)
            return LOST;
    }
    return ARRIVED;
}

const char *resolve(const uint8_t *start, uint32_t length)
{
    struct walked at;
    path.length = 0;
    append(&path, start, length);
    for (int links = 1;; links++) {
        if (is_mounted_over())
            return "mount";
        enum outcome outcome = walk(&at);
        if (outcome == LOST)
            return "missing";
        if (outcome == ARRIVED)
            return at.inode.kind == DIRECTORY ? "dir" : "file";
        if (links == MAX_LINKS)
            return "loop";

        rofs_target(&at.inode, &target);
        next.length = 0;
        if (target.bytes[0] == '/') {
            append(&next, target.bytes, target.length);
        } else {
            if (at.folder == 0)
                return "broken-root-link";
            append(&next, path.bytes, at.folder);
            append_relative(&next);
        }
        if (next.length + path.length - at.consumed >= PATH_SIZE)
            return "missing";
        append(&next, path.bytes + at.consumed, path.length - at.consumed);
        memcpy(&path, &next, sizeof path);
    }
}
