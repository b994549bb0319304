import { resolve } from 'node:path';

const built = import.meta.dirname.includes('/dist/test/');

/** The folder of the repository, for the sources as well as for what is built of them. */
export const top = resolve(import.meta.dirname, built ? '../../..' : '../..');
