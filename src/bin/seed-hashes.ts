/** Seeds this process's hash tables (docs/commands.md section 2.3). Each entry that reads a list imports it first. */
import { randomFillSync } from 'node:crypto';
import { seedHashes } from '../bundle/table/seeded-hash.ts';

seedHashes(randomFillSync(new Uint32Array(2)));
