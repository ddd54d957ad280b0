// A folder for the targets whose parser opens a file itself. Made on first use; writes nowhere else.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

let room: string | undefined;

/** @returns the path of a folder of this name, which is there. */
export function folder(name: string): string {
  room ??= mkdtempSync(path.join(os.tmpdir(), 'relaymap fuzz-'));
  const made = path.join(room, name);
  mkdirSync(made, { recursive: true });
  return made;
}

/** Writes a file of this name. @returns its path; what stands before a `/` in the name is a folder. */
export function laid(name: string, content: Uint8Array): string {
  const file = path.join(folder(path.dirname(name)), path.basename(name));
  writeFileSync(file, content);
  return file;
}

export function leave(): void {
  if (room !== undefined) rmSync(room, { recursive: true, force: true });
  room = undefined;
}
