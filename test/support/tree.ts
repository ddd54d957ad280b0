// What is below some folders, as a value: taken, compared, and laid down again as it was.
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export type Entry =
  | { readonly is: 'folder'; readonly mode: number }
  | { readonly is: 'link'; readonly to: string }
  | { readonly is: 'file'; readonly mode: number; readonly bytes: Buffer; readonly mtimeMs: number };

/** By path relative to the root, folders before what is in them. */
export type Tree = ReadonlyMap<string, Entry>;

/** What is at and below `folders`, which are relative to `root`. */
export function takeTree(root: string, folders: readonly string[]): Tree {
  const tree = new Map<string, Entry>();
  const take = (name: string): void => {
    const file = path.join(root, name);
    const found = lstatSync(file, { throwIfNoEntry: false });
    if (found === undefined) return;
    const mode = found.mode & 0o7777;
    if (found.isDirectory()) {
      tree.set(name, { is: 'folder', mode });
      for (const inner of readdirSync(file).sort()) take(path.join(name, inner));
    } else if (found.isSymbolicLink()) tree.set(name, { is: 'link', to: readlinkSync(file) });
    else if (!found.isFile())
      tree.set(name, { is: 'link', to: 'a pipe, a device or a socket' }); // not to be read
    else tree.set(name, { is: 'file', mode, bytes: readFileSync(file), mtimeMs: found.mtimeMs });
  };
  for (const folder of folders) take(folder);
  return tree;
}

/** Makes what is at and below `folders` equal to the tree; modes and times too, inodes and owners not. */
export function layTree(root: string, folders: readonly string[], tree: Tree): void {
  for (const folder of folders) rmSync(path.join(root, folder), { recursive: true, force: true });
  for (const [name, entry] of tree) {
    const file = path.join(root, name);
    if (entry.is === 'folder') mkdirSync(file);
    else if (entry.is === 'link') symlinkSync(entry.to, file);
    else writeFileSync(file, entry.bytes);
    if (entry.is === 'file') utimesSync(file, entry.mtimeMs / 1000, entry.mtimeMs / 1000);
    if (entry.is !== 'link') chmodSync(file, entry.mode);
  }
}
