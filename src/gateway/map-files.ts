/** The names of the files in `map_dir` (docs/commands.md section 2.2). */

/** The bases of the map files, in the order of installing: recipients before domains. */
export const MAPS = ['relay_recipients', 'relay_domains'] as const;

/** The access table of domains whose list is out of date (docs/commands.md section 2.6). */
export const STALE_MAP = 'stale_domains';

/** All maps that a mail server may be told to ask. */
export const ASKED_MAPS = [...MAPS, STALE_MAP] as const;

/** The file names that maps have. */
export const MAP_FILE = /^relay_(recipients|domains)(\.(cdb|lmdb|db))?$/;

/** The file names that the access table has. */
export const STALE_FILE = /^stale_domains(\.(cdb|lmdb|db))?$/;

/** A compiled map's ending, by map type. The cdb is always written: `lookup` and `health` read it. */
export const ENDINGS = { cdb: '.cdb', lmdb: '.lmdb', hash: '.db', btree: '.db' } as const;

export type MapType = keyof typeof ENDINGS;
