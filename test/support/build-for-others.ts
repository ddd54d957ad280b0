// Before a suite that runs the built commands as other users: where the clone lies below a folder that only its
// owner may enter (/root, mode 0700), they could not read `dist`. So a copy is made where everybody can, and the
// tests take that.
import { chmodSync, cpSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const dist = fileURLToPath(new URL('../../dist', import.meta.url));

const isOpen = (folder: string): boolean =>
  (statSync(folder).mode & 0o001) !== 0 && (folder === '/' || isOpen(path.dirname(folder)));

export default function setup(): (() => void) | undefined {
  if (process.env['RELAYMAP_BIN_DIR'] !== undefined || isOpen(dist)) return undefined;
  const folder = mkdtempSync(path.join(os.tmpdir(), 'relaymap-build-'));
  chmodSync(folder, 0o755);
  cpSync(dist, path.join(folder, 'dist'), { recursive: true });
  writeFileSync(path.join(folder, 'package.json'), '{"type":"module"}'); // as the repository's own says
  process.env['RELAYMAP_BIN_DIR'] = path.join(folder, 'dist/bin');
  return () => rmSync(folder, { recursive: true });
}
