/*
 * Races a writer of folders: until stdin ends, in the youngest *.part of PARENT, it puts links to CANARY
 * in the place of the folders NAME... and the folders back, as fast as it can. Prints how often it did so.
 *
 *   folder-racer PARENT CANARY NAME...
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char trap[] = "trap";

/* Nanoseconds since 1970; swaps change the other times of a folder. */
static long long birth(int parent, const char *name)
{
    struct statx found;
    if (statx(parent, name, AT_SYMLINK_NOFOLLOW, STATX_BTIME, &found) != 0)
        return 0;
    return found.stx_btime.tv_sec * 1000000000LL + found.stx_btime.tv_nsec;
}

static int open_youngest(const char *path)
{
    char youngest[256] = "";
    long long last = -1;
    DIR *parent = opendir(path);
    for (struct dirent *entry; (entry = readdir(parent));) {
        size_t length = strlen(entry->d_name);
        if (length < 5 || strcmp(entry->d_name + length - 5, ".part") != 0)
            continue;
        long long time = birth(dirfd(parent), entry->d_name);
        if (time > last)
            strcpy(youngest, entry->d_name);
        if (time > last)
            last = time;
    }
    int folder = last < 0 ? -1 : openat(dirfd(parent), youngest, O_RDONLY | O_DIRECTORY);
    closedir(parent);
    return folder;
}

int main(int argc, char **argv)
{
    long swaps = 0;
    struct pollfd end = {.fd = 0, .events = POLLIN};
    puts("racing");
    fflush(stdout);
    while (poll(&end, 1, 0) == 0) {
        int folder = open_youngest(argv[1]);
        if (folder < 0)
            continue;
        symlinkat(argv[2], folder, trap);
        for (int turn = 0; turn < 50; turn++)
            for (int name = 3; name < argc; name++)
                if (renameat2(folder, argv[name], folder, trap, RENAME_EXCHANGE) == 0)
                    swaps++;
        close(folder);
    }
    printf("%ld\n", swaps);
    return 0;
}
