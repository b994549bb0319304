/** Whether OSv has something there that can be written: a ramfs at /tmp and devices; all else is ROFS. */
export function isWritable(path: string): boolean {
  return /^\/(?:tmp|dev)(?:\/|$)/.test(path);
}
