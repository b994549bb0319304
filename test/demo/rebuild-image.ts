import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { helloImage } from '../support/hello-image.ts';
import { writeLayout } from '../support/layout.ts';
import { top } from '../support/top.ts';

// Rebuilds fixtures/images/hello-aot from the published app; run by fixtures/images/rebuild.sh.
const folder = join(top, 'fixtures/images/hello-aot');
await rm(folder, { recursive: true, force: true });
await writeLayout(folder, '1.0', await helloImage());
