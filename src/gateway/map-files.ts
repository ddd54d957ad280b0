/** The names of the files in `map_dir` (docs/commands.md section 2.2). */

/** The bases of the map files, in the order of installing: recipients, next hops, domains. */
export const MAPS = ['relay_recipients', 'transport', 'relay_domains'] as const;

export type MainMap = (typeof MAPS)[number];

/** The map of next hops, which only some configurations ask for. A damaged one is never removed. */
export const NEXT_HOPS = 'transport';

export interface Asking {
  readonly bundle: readonly { readonly next_hops?: readonly string[] | undefined }[];
}

/** Whether any bundle is asked for its next hops. */
export const asksNextHops = ({ bundle }: Asking): boolean => bundle.some((b) => b.next_hops !== undefined);

/** The maps that a configuration calls for, in the order of installing. */
export const mapsOf = (config: Asking): MainMap[] => MAPS.filter((map) => map !== NEXT_HOPS || asksNextHops(config));

/** Where the server cannot ask a map which keys it has: the domains that have a next hop, one a line. */
export const ROUTED_DOMAINS = 'transport.domains';

/** Whether a map file, with whatever ending, is of the map of next hops. */
export const isOfNextHops = (file: string): boolean => file === NEXT_HOPS || file.startsWith(`${NEXT_HOPS}.`);

/** The access table of domains whose list is out of date (docs/commands.md section 2.6). */
export const STALE_MAP = 'stale_domains';

/** All maps that a mail server may be told to ask. */
export const ASKED_MAPS = [...MAPS, STALE_MAP] as const;

/** The file names that maps have. */
export const MAP_FILE = /^((relay_(recipients|domains)|transport)(\.(cdb|lmdb|db))?|transport\.domains)$/;

/** The file names that the access table has. */
export const STALE_FILE = /^stale_domains(\.(cdb|lmdb|db))?$/;

/** A compiled map's ending, by map type. The cdb is always written: `lookup` and `health` read it. */
export const ENDINGS = { cdb: '.cdb', lmdb: '.lmdb', hash: '.db', btree: '.db' } as const;

export type MapType = keyof typeof ENDINGS;
