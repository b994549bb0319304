/*
 * Which process is whose, for the machines of `src/machines`, whose hypervisors outlive their creators as locks
 * outlive their holders. No part of what `osv-convert/store` publishes.
 */
export { isAlive, myself, type Owner, ownerOf } from './files/owner.ts';
