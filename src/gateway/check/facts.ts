/** What `check` judges: all that gather.ts has found out. Types only. */
import type { GatewayConfig } from '../config.ts';
import type { PostfixConfig } from '../mta/postfix/main-cf.ts';
import type { HealthLook } from '../health/look.ts';
import type { Remark } from '../mta/advisor.ts';
import type { Use } from '../mta/mta.ts';
import type { MAPS } from '../map-files.ts';
import type { HostFacts } from './look/host-facts.ts';

/** Which of our domains a list of Postfix's covers. */
export type Lists = Record<
  'relay_domains' | 'mydestination' | 'virtual_alias_domains' | 'virtual_mailbox_domains',
  ReadonlySet<string>
>;

/** A table that takes a whole domain for known (or, relocated_maps, for moved away), whatever our map says. */
export interface CatchAll {
  readonly parameter: string;
  readonly table: string;
  readonly domain: string;
  /** The row `@domain` does it; else an expression or a query. */
  readonly byRow: boolean;
}

export interface PostfixFacts {
  readonly config: PostfixConfig;
  readonly runs: boolean;
  readonly lists: Lists;
  readonly catchAlls: readonly CatchAll[];
  /** Domains of relay_domains that our list lacks, with the table that names them, null for a name in main.cf. */
  readonly strangers: ReadonlyMap<string, string | null>;
  /** Of these, the ones that another table of relay_recipient_maps has rows for; null where one cannot be listed. */
  readonly elsewhere: ReadonlySet<string> | null;
  /** Of the domains of our list: those that a table before ours has a route for, and those without a next hop. */
  readonly routes: { readonly before: ReadonlyMap<string, string>; readonly missing: readonly string[] };
  /** Tables of relay_domains that match any domain. */
  readonly coversAll: readonly string[];
  /** Tables that could not be asked. */
  readonly unasked: readonly string[];
  /** Where this Postfix names our maps. */
  readonly uses: readonly Use[];
  /** What it said to a stranger; null where it could not be asked. */
  readonly asked: {
    readonly nobody: readonly DomainAnswer[];
    readonly known: readonly DomainAnswer[];
    /** To a recipient of a domain that is not this host's; null where that is not known. */
    readonly foreign: DomainAnswer | null;
  } | null;
  /** Why a Postfix that runs said nothing when it was asked; null where it did, or where nobody may ask. */
  readonly silent: string | null;
  /** Tables that decide on recipients and cannot be opened. */
  readonly faults: readonly TableFault[];
  /** Configuration folders of further instances that nobody has named to relaymap. */
  readonly otherInstances: readonly string[];
}

export interface DomainAnswer {
  readonly domain: string;
  readonly code: number;
  readonly text: string;
}

export interface TableFault {
  readonly parameter: string;
  readonly table: string;
  readonly why: string;
  /** Whether the text is there that it is made from, and whether the table's own file is. */
  readonly source: boolean;
  readonly exists: boolean;
}

export type PostfixFound =
  | { readonly is: 'absent' }
  | { readonly is: 'broken'; readonly why: string }
  | ({ readonly is: 'here' } & PostfixFacts);

export interface CheckFacts {
  readonly file: string;
  readonly config: GatewayConfig;
  readonly now: Date;
  /** By instance. */
  readonly postfix: readonly PostfixFound[];
  /** Of a server other than Postfix: what it and its advisor say. */
  readonly remarks: readonly Remark[];
  /** Of such a server: the lines that end the deferring of unknown recipients; null where they are refused. */
  readonly deferring: readonly string[] | null;
  /** The domains of our installed map; null where there is none. */
  readonly domains: readonly string[] | null;
  /** Which map files are at their place. */
  readonly present: Readonly<Record<(typeof MAPS)[number], readonly string[]>>;
  /** The same of `stale_domains`. */
  readonly stalePresent: readonly string[];
  readonly host: HostFacts;
  readonly health: HealthLook;
  /** Why the daemon refuses the schedule; null where it does not. */
  readonly cronFault: string | null;
}
