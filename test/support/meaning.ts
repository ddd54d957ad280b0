// What a gateway's folders mean, without what two good runs may differ in (times, inodes, how a copy was
// compressed): two trees with the same meaning are as good as each other.
import { sha256 } from './forger.ts';
import type { Tree } from './tree.ts';

/** Where the maps and the record are, relative to a gateway's folder. */
export const FOLDERS = ['state', 'maps'] as const;
/** The map files, in the order of installing. */
export const MAPS = ['relay_recipients', 'transport', 'relay_domains'].flatMap((map) => [
  map,
  `${map}.cdb`,
  `${map}.lmdb`,
]);

/**
 * The keys of state.json and status.json that say when, where on disk, how it went on the way, or what the next
 * request may leave out.
 */
const CIRCUMSTANCES = new Set(
  ['since', 'at', 'ino', 'mtimeMs', 'hashed', 'deltaFailures', 'counters', 'noDelta', 'etags'].concat([
    'askedAt',
    'endedAt',
    'installedAt',
    'checkedAt',
    'askedAt',
    'succeededAt',
    'failure',
    'outcome',
    'code',
    'message',
    'warnings',
  ]),
);

export const json = (tree: Tree, name: string): unknown => {
  const entry = tree.get(name);
  if (entry?.is !== 'file') return null;
  try {
    return JSON.parse(entry.bytes.toString()) as unknown;
  } catch {
    return `not JSON: ${sha256(entry.bytes)}`;
  }
};

function essence(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (key, inner: unknown) => {
      if (CIRCUMSTANCES.has(key)) return undefined;
      if (key === 'seen' && Array.isArray(inner)) return inner.map((s) => JSON.stringify(s)).sort();
      return inner;
    }),
  ) as unknown;
}

/**
 * By path: what is there. A lock, which names who held it last, is no content. A compressed table is as good as its
 * name as long as it is whole.
 */
export function meaning(tree: Tree): Record<string, unknown> {
  return Object.fromEntries(
    Array.from(tree, ([name, entry]): [string, unknown] => {
      if (entry.is !== 'file') return [name, entry];
      // mta.json holds nothing but when the mail server was looked at, and since when it asks.
      const content = /\.gz$|\/((stale\.)?lock|mta\.json)$/.test(name)
        ? 'there'
        : /\.json(\.new)?$/.test(name)
          ? essence(json(tree, name))
          : sha256(entry.bytes);
      return [name, { mode: entry.mode, content }];
    }),
  );
}

/** The rollback floor on record, by bundle; null where the record cannot be read. */
export function floors(tree: Tree): Record<string, number> | null {
  const state = json(tree, 'state/state.json') as {
    bundles?: Record<string, { floor: { version: number } | null }>;
  } | null;
  if (typeof state !== 'object' || state?.bundles === undefined) return null;
  return Object.fromEntries(Object.entries(state.bundles).map(([name, b]) => [name, b.floor?.version ?? 0]));
}

/** What Postfix opens: the SHA-256 of each map file; null for one that is not there, `no file` for what is no file. */
export function view(tree: Tree): Record<string, string | null> {
  return Object.fromEntries(
    MAPS.map((map) => {
      const entry = tree.get(`maps/${map}`);
      return [map, entry === undefined ? null : entry.is === 'file' ? sha256(entry.bytes) : 'no file'];
    }),
  );
}
