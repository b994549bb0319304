import { Buffer } from 'node:buffer';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Digest, hexOf } from '../../store/index.ts';
import { temporaryFolder, temporaryPath } from '../support/temporary-folder.ts';

/** The folder of the store of the running test. */
export const dir = temporaryPath('store');

/** A folder for other files. */
export const root = temporaryFolder('files');

export const layerPath = (diffID: Digest) => join(dir(), 'layers/v2/sha256', hexOf(diffID));
export const drafts = () => readdirSync(join(dir(), 'ingest'));
export const code = (wanted: string) => ({ code: wanted });
export const hello = Buffer.from('hello');
