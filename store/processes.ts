/*
 * Which process is whose, for `src/run` and `src/machines`, whose folders and hypervisors outlive their makers as locks
 * outlive their holders; and whose turn it is, for the folders of `src/disk`. No part of what `osv-convert/store`
 * publishes.
 */
export { nodeFiles } from './files/node.ts';
export { isAlive, myself, type Owner, ownerOf } from './files/owner.ts';
export { withLock } from './leases/lock.ts';
