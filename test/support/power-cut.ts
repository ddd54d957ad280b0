// A file system that keeps only what it was told to: the changes of a traced run are played again up to a cut, and
// of those not yet synced any part survives. What fsync was called for is there; a folder's names are there once
// that folder was synced.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Tree } from './tree.ts';

/** The command that runs a command and writes every change that it makes to `log`, bytes and all. */
export const changesTo = (log: string): readonly string[] => [
  ...'strace -f -qq -y -s 100000000 -e signal=none'.split(' '),
  ...`-e trace=openat,mkdir,rmdir,unlink,rename,write,pwrite64,ftruncate,fsync,fchmod -o`.split(' '),
  log,
];

type Change =
  | { readonly is: 'make' | 'folder'; readonly name: string; readonly mode: number }
  | { readonly is: 'remove' | 'sync'; readonly name: string }
  | { readonly is: 'cut'; readonly name: string; readonly length: number }
  | { readonly is: 'mode'; readonly name: string; readonly mode: number }
  | { readonly is: 'rename'; readonly name: string; readonly to: string }
  | { readonly is: 'write'; readonly name: string; readonly bytes: Buffer; readonly at: number | null };

const SIMPLE: Record<string, number> = { n: 10, t: 9, r: 13, v: 11, f: 12, '"': 34, '\\': 92 };

/** The bytes of one of strace's strings. */
function unescaped(text: string): Buffer {
  const bytes: number[] = [];
  for (const [part, octal, simple] of text.matchAll(/\\([0-7]{1,3})|\\(.)|[^\\]/gs)) {
    bytes.push(octal !== undefined ? Number.parseInt(octal, 8) : (SIMPLE[simple ?? ''] ?? part.charCodeAt(0)));
  }
  return Buffer.from(bytes);
}

/** The changes at and below `root`, in their order, with paths relative to it. */
export function changesIn(log: string, root: string, folders: readonly string[]): Change[] {
  const relative = (file: string): string | null => {
    const name = path.relative(root, file);
    return folders.some((folder) => name === folder || name.startsWith(`${folder}/`)) ? name : null;
  };
  return readFileSync(log, 'latin1')
    .split('\n')
    .flatMap((line): Change[] => {
      const [, call = '', rest = ''] = /^\d+ +([a-z0-9]+)\((.*)$/.exec(line) ?? [];
      if (/ = -1 E/.test(rest)) return [];
      const name = relative(
        /^\d+<([^>]*)>/.exec(rest)?.[1] ?? /^(?:AT_FDCWD<[^>]*>, )?"([^"]*)"/.exec(rest)?.[1] ?? '',
      );
      if (name === null) return [];
      const octal = Number.parseInt(/, (0[0-7]+)\b/.exec(rest)?.[1] ?? '0', 8);
      switch (call) {
        case 'openat':
          return rest.includes('O_CREAT') ? [{ is: 'make', name, mode: octal }] : [];
        case 'mkdir':
          return [{ is: 'folder', name, mode: octal }];
        case 'rmdir':
        case 'unlink':
          return [{ is: 'remove', name }];
        case 'ftruncate':
          return [{ is: 'cut', name, length: Number(/^\d+<[^>]*>, (\d+)/.exec(rest)?.[1]) }];
        case 'fsync':
          return [{ is: 'sync', name }];
        case 'fchmod':
          return [{ is: 'mode', name, mode: octal }];
        case 'rename':
          return [{ is: 'rename', name, to: relative(/", "([^"]*)"/.exec(rest)?.[1] ?? '') ?? '' }];
        case 'write':
        case 'pwrite64': {
          const [, text = '', at] = /^\d+<[^>]*>, "((?:[^"\\]|\\.)*)", \d+(?:, (\d+))?/s.exec(rest) ?? [];
          const position = call === 'pwrite64' ? Number(at) : null;
          return [{ is: 'write', name, bytes: unescaped(text), at: position }];
        }
        default:
          throw new Error(`a change that is not known: ${line.slice(0, 200)}`);
      }
    });
}

interface Node {
  readonly folder: boolean;
  mode: number;
  now: Buffer;
  synced: Buffer;
}
type Names = Map<string, Node>;
type Step = (names: Names) => void;

/** The disk after the first changes: what is on it for certain, and what is only on its way. */
class Disk {
  /** By path: the node it leads to now, and for certain. A folder's children survive only with it. */
  readonly now: Names = new Map();
  readonly #synced: Names = new Map();
  /** Files that have lost their name and are still written to: after a power cut nothing is left of them. */
  readonly #nameless = new Set<string>();
  readonly #onTheirWay: { readonly folder: string; readonly step: Step }[] = [];

  constructor(before: Tree) {
    for (const [name, entry] of before) {
      const bytes = entry.is === 'file' ? entry.bytes : Buffer.alloc(0);
      const mode = entry.is === 'link' ? 0 : entry.mode;
      const node = { folder: entry.is === 'folder', mode, now: bytes, synced: bytes };
      this.now.set(name, node);
      this.#synced.set(name, node);
    }
  }

  apply(change: Change): void {
    const node = this.now.get(change.name);
    switch (change.is) {
      case 'make':
      case 'folder': {
        if (node !== undefined) return; // opened, as the lock is each time
        const empty = Buffer.alloc(0);
        const made: Node = { folder: change.is === 'folder', mode: change.mode, now: empty, synced: empty };
        this.#nameless.delete(change.name);
        return this.#name(change.name, (names) => void names.set(change.name, made));
      }
      case 'remove':
        this.#nameless.add(change.name);
        return this.#name(change.name, (names) => void names.delete(change.name));
      case 'rename':
        if (node === undefined) throw new Error(`${change.name} is not there to be renamed`);
        return this.#name(change.name, (names) => void (names.delete(change.name), names.set(change.to, node)));
      case 'mode':
        if (node !== undefined) node.mode = change.mode;
        return;
      case 'write':
        if (node === undefined && this.#nameless.has(change.name)) return;
        if (node === undefined) throw new Error(`${change.name} is not there to be written`);
        node.now = written(node.now, change.bytes, change.at ?? node.now.length);
        return;
      case 'cut':
        if (node === undefined && this.#nameless.has(change.name)) return;
        if (node === undefined) throw new Error(`${change.name} is not there to be cut`);
        node.now = written(node.now.subarray(0, change.length), Buffer.alloc(0), change.length);
        return;
      case 'sync':
        return this.#sync(change.name, node);
    }
  }

  #name(name: string, step: Step): void {
    step(this.now);
    this.#onTheirWay.push({ folder: path.dirname(name), step });
  }

  #sync(name: string, node: Node | undefined): void {
    if (node?.folder !== true) {
      if (node !== undefined) node.synced = node.now;
      return;
    }
    for (let i = 0; i < this.#onTheirWay.length;) {
      const way = this.#onTheirWay[i];
      if (way?.folder !== name) i++;
      else {
        way.step(this.#synced);
        this.#onTheirWay.splice(i, 1);
      }
    }
  }

  /** What may be there after a cut now: every choice of names on their way, and of how much of each file arrived. */
  *survivors(limit: number, random: () => number): Generator<Tree> {
    const ways = this.#onTheirWay.length;
    const unsynced = [...new Set(this.now.values())].filter((n) => !n.folder && n.now !== n.synced);
    const choices = 2 ** ways * 4 ** unsynced.length;
    for (let i = 0; i < Math.min(choices, limit); i++) {
      let choice = choices <= limit ? i : Math.floor(random() * choices);
      const names: Names = new Map(this.#synced);
      for (const { step } of this.#onTheirWay) {
        if (choice % 2 === 1) step(names);
        choice = Math.floor(choice / 2);
      }
      const contents = new Map<Node, Buffer>();
      for (const node of unsynced) {
        const whole = node.now;
        const zeros = Buffer.alloc(whole.length);
        contents.set(node, [node.synced, whole, whole.subarray(0, whole.length >> 1), zeros][choice % 4] ?? whole);
        choice = Math.floor(choice / 4);
      }
      yield treeOf(names, contents);
    }
  }
}

function written(old: Buffer, bytes: Buffer, at: number): Buffer {
  const next = Buffer.alloc(Math.max(old.length, at + bytes.length));
  old.copy(next);
  bytes.copy(next, at);
  return next;
}

function treeOf(names: Names, contents: ReadonlyMap<Node, Buffer>): Tree {
  const there = (name: string): boolean => name === '.' || (names.has(name) && there(path.dirname(name)));
  const sorted = [...names].filter(([name]) => there(name)).sort(([a], [b]) => (a < b ? -1 : 1));
  return new Map(
    sorted.map(([name, node]) => [
      name,
      node.folder
        ? { is: 'folder' as const, mode: node.mode }
        : { is: 'file' as const, mode: node.mode, bytes: contents.get(node) ?? node.synced, mtimeMs: 1.7e12 },
    ]),
  );
}

/** What may be on the disk after a cut at any moment of a run, at most `limit` for each moment. */
export function* cuts(before: Tree, changes: readonly Change[], limit: number): Generator<Tree> {
  const disk = new Disk(before);
  let seed = 1;
  const random = () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
  yield* disk.survivors(limit, random);
  for (const change of changes) {
    disk.apply(change);
    yield* disk.survivors(limit, random);
  }
}
