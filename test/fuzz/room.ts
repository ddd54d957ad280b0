// A folder for the targets whose parser opens a file itself. Made on first use; writes nowhere else.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

let folder: string | undefined;

/** Writes a file of this name. @returns its path; a `/` in the name gives it a folder of its own. */
export function laid(name: string, content: Uint8Array): string {
  folder ??= mkdtempSync(path.join(os.tmpdir(), 'relaymap fuzz-'));
  const file = path.join(folder, name);
  writeFileSync(file, content);
  return file;
}

export function leave(): void {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  folder = undefined;
}
