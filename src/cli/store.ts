import type { Command } from 'commander';
import { addStoreDu } from './store/du.ts';
import { addStoreExport } from './store/export.ts';
import { addStoreGc } from './store/gc.ts';
import { addStoreHold } from './store/hold.ts';
import { addStoreImport } from './store/import.ts';
import { addStoreLeases } from './store/leases.ts';
import { addStoreLs } from './store/ls.ts';
import { addStorePath } from './store/path.ts';
import { addStoreVerify } from './store/verify.ts';

export function defineStore(store: Command): void {
  store.description(
    'Tells what is in the store, removes what nothing needs, finds and mends damage, and carries ' +
      'names with all that belongs to them from one store to another.',
  );
  for (const add of [
    addStoreLs,
    addStoreDu,
    addStoreGc,
    addStoreVerify,
    addStoreLeases,
    addStoreHold,
    addStoreExport,
    addStoreImport,
    addStorePath,
  ])
    add(store);
}
