/* What a symlink reaches when OSv follows it. */
#ifndef PROBE_RESOLVE_H
#define PROBE_RESOLVE_H

#include <stdint.h>

/*
 * `path` is the link's own absolute path. The answer is a word for the report:
 *   file, dir
 *   missing           nothing there, or a file where a directory is needed
 *   mount             at or below /dev, /proc, /sys or /tmp, where the kernel mounts something else
 *   broken-root-link  by way of a relative link in the root directory, which OSv cannot follow
 *   loop              too many links
 */
const char *resolve(const uint8_t *path, uint32_t length);

#endif
