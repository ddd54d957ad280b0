// Where the built commands are: RELAYMAP_BIN_DIR names another build than dist/bin, or a copy that every user can read.
import { fileURLToPath } from 'node:url';

export const BIN_FOLDER = process.env['RELAYMAP_BIN_DIR'] ?? fileURLToPath(new URL('../../dist/bin', import.meta.url));
