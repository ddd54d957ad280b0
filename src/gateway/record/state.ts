/**
 * What the gateway remembers: `state.json`, and the pending set beside it. A record that is corrupt is not one that
 * is absent: it is never taken for a fresh start. Only this file reads and writes the two.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import * as z from 'zod/mini';
import { isInstant } from '../../bundle/offer/instant.ts';
import { NAME } from '../../bundle/offer/name.ts';
import { StateError } from '../../errors.ts';
import { isAbsent, removeDurable, removeUnfinished, writeFileAtomic } from '../../io/atomic-file.ts';
import { readRegularFile } from '../../io/regular-file.ts';
import { MAP_FILE } from '../map-files.ts';

const digest = () => z.string().check(z.regex(/^[0-9a-f]{64}$/));
const count = () => z.int().check(z.gte(0));
const time = () => z.string().check(z.refine(isInstant));

/** A signed envelope that is stored: what it says, and the hash of its payload, which names its file. */
const Envelope = z.object({ version: count(), digest: digest() });

/** A table of next hops that is kept. */
const Hops = z.object({ table: digest(), rows: count(), bytes: count() });

/** A last good copy: a stored envelope and the tables it names. Times are ISO 8601. */
const Copy = z.object({
  version: count(),
  digest: digest(),
  table: digest(),
  rows: count(),
  bytes: count(),
  domains: count(),
  /** The table of next hops; null where it has none, or none was asked for. */
  transport: z._default(z.nullable(Hops), null),
  created: time(),
  expires: time(),
  /** When this table, and when this version of it, was first installed or kept. */
  since: time(),
  at: time(),
});

/** The walk through key ring steps (docs/bundle-format.md section 6). */
const Keyring = z.object({
  /** Stands for the key directory that the walk began with. */
  start: z.string(),
  /** The stored steps, in order: number, SHA-256 of the file, and when it was verified here. */
  steps: z.array(z.object({ step: count(), file: digest(), at: time() })),
  /** When the next step was last asked for and the answer was sure; null for never. */
  askedAt: z.nullable(time()),
  /** The floor that a step has set; null if none has, or if it was given up by hand. */
  floor: z.nullable(count()),
  /** The payloads of the steps that have set a floor: each does so once. */
  floors: z.array(digest()),
});

export type KeyringRecord = z.infer<typeof Keyring>;
const NO_STEPS: KeyringRecord = { start: '', steps: [], askedAt: null, floor: null, floors: [] };

const Bundle = z.object({
  /** What the live maps are made of. */
  installed: z.nullable(Copy),
  /** A good copy that waits for other bundles' first copies. */
  waiting: z.nullable(Copy),
  /** Older copies, oldest first. */
  copies: z.array(Copy),
  /**
   * The highest version of which a copy was ever stored as good, one that waits included. No change of keys lowers it
   * (docs/bundle-format.md section 6).
   */
  floor: z.nullable(Envelope),
  /**
   * Verified payloads from the floor up that were not kept as good: another payload of such a version is an
   * equivocation.
   */
  seen: z.array(Envelope),
  /** Row counts of the tables in use, oldest first, for the shrink guard. */
  history: z._default(z.array(z.object({ at: time(), rows: count() })), []),
  /** The same of the tables of next hops. */
  hopHistory: z._default(z.array(z.object({ at: time(), rows: count() })), []),
  /** `--rebuild-state` found a live copy that does not verify: the next table is not compared with it. */
  baselineGivenUp: z._default(z.boolean(), false),
  held: z.nullable(z.object({ version: count(), since: time() })),
  /** By URL: the ETag of the installed payload, and when that URL last answered 200. */
  etags: z.record(z.string(), z.object({ etag: z.string(), digest: digest(), at: z.optional(time()) })),
  /** The next request carries no condition. */
  unconditional: z.boolean(),
  /** Stands for the configuration of the last cycle. */
  settings: z._default(z.string(), ''),
  /** Deltas that did not work, ever; and whether the next cycle takes none. */
  deltaFailures: count(),
  noDelta: z.boolean(),
  /** Stands for the ring under which the stored envelopes were last verified, and the payloads that did not verify. */
  ring: z.string(),
  distrusted: z.array(digest()),
  keyring: z._default(Keyring, () => ({ ...NO_STEPS })),
});

export const MapFile = z.object({ sha256: digest(), bytes: count(), mtimeMs: z.number(), ino: z.number() });

const State = z.object({
  format: z.literal(1),
  // Names and file names become paths: nothing else than what is written here is read back.
  bundles: z.record(z.string().check(z.regex(NAME)), Bundle),
  /** The live maps; null while there are none of ours. */
  maps: z.nullable(
    z.object({
      inputs: digest(),
      rows: count(),
      files: z.record(z.string().check(z.regex(MAP_FILE)), MapFile),
      /**
       * When their bytes were last seen to be these, and each file's ctime then: it tells of every touch, also of
       * one that hides itself.
       */
      hashed: z._default(
        z.nullable(z.object({ at: time(), ctimesMs: z.record(z.string().check(z.regex(MAP_FILE)), z.number()) })),
        null,
      ),
    }),
  ),
  reloadPending: z.nullable(time()),
  /** The request for that reload was made: when it is gone, it was served. */
  reloadAsked: z._default(z.boolean(), false),
});

export type EnvelopeRef = z.infer<typeof Envelope>;
export type CopyRef = z.infer<typeof Copy>;
export type HopsRef = z.infer<typeof Hops>;
export type BundleState = z.infer<typeof Bundle>;
export type MapFileRecord = z.infer<typeof MapFile>;
export type GatewayState = z.infer<typeof State>;

export const freshState = (): GatewayState => ({
  format: 1,
  bundles: {},
  maps: null,
  reloadPending: null,
  reloadAsked: false,
});

export const freshBundle = (): BundleState => ({
  installed: null,
  waiting: null,
  copies: [],
  floor: null,
  seen: [],
  history: [],
  hopHistory: [],
  baselineGivenUp: false,
  held: null,
  etags: {},
  unconditional: false,
  settings: '',
  deltaFailures: 0,
  noDelta: false,
  ring: '',
  distrusted: [],
  keyring: { ...NO_STEPS },
});

/** The bundle's part of the state, made on first use. */
export function bundleState(state: GatewayState, name: string): BundleState {
  if (!Object.hasOwn(state.bundles, name)) state.bundles[name] = freshBundle();
  return state.bundles[name] ?? freshBundle();
}

export type Read<T> =
  | { readonly is: 'absent' }
  | { readonly is: 'corrupt'; readonly why: string }
  | { readonly is: 'whole'; readonly value: T };

function read(file: string): Read<GatewayState> {
  let content: string;
  try {
    content = readRegularFile(file).toString();
  } catch (error) {
    return isAbsent(error) ? { is: 'absent' } : { is: 'corrupt', why: (error as Error).message };
  }
  let json: unknown;
  try {
    json = JSON.parse(content);
  } catch {
    return { is: 'corrupt', why: 'it is not JSON' };
  }
  const result = z.safeParse(State, json);
  if (result.success) return { is: 'whole', value: result.data };
  return { is: 'corrupt', why: `${result.error.issues[0]?.path.join('.') || 'it'} is not valid` };
}

export class StateFiles {
  readonly #state: string;
  readonly #pending: string;

  constructor(stateDir: string) {
    this.#state = path.join(stateDir, 'state.json');
    this.#pending = path.join(stateDir, 'pending.json');
  }

  read(): Read<GatewayState> {
    return read(this.#state);
  }

  /** The set that was about to be installed; a corrupt one was never promised and counts as none. */
  readPending(): GatewayState | null {
    const pending = read(this.#pending);
    return pending.is === 'whole' ? pending.value : null;
  }

  /** Takes away what a killed run left half written, and a pending set that is corrupt. */
  removeUnfinished(): void {
    for (const file of [this.#state, this.#pending]) removeUnfinished(file);
    if (read(this.#pending).is === 'corrupt') this.dropPending();
  }

  /** Whether an installation has begun that is not committed. */
  isPending(): boolean {
    return existsSync(this.#pending);
  }

  /** What must be on disk before the first map is renamed. */
  writePending(next: GatewayState): void {
    writeFileAtomic(this.#pending, JSON.stringify(next), 0o640);
  }

  dropPending(): void {
    removeDurable(this.#pending);
  }

  write(state: GatewayState): void {
    writeFileAtomic(this.#state, `${JSON.stringify(state, null, 1)}\n`, 0o640);
  }
}

/** STATE_CORRUPT, with the way out. */
export const stateCorrupt = (what: string, cause?: unknown): StateError =>
  new StateError(
    'STATE_CORRUPT',
    `${what}. The maps stay as they are. To give up the rollback floor and what is lost: relaymap fetch --rebuild-state`,
    cause,
  );
