/**
 * The start of every cycle: read the record, rebuild a corrupt one from the signed envelopes, complete or drop a pending set.
 * Never takes a corrupt record for a fresh start (docs/commands.md section 2.3, State).
 */
import path from 'node:path';
import { isInstant } from '../../bundle/offer/instant.ts';
import { isoTime } from '../../bundle/offer/manifest.ts';
import { DomainSet } from '../../bundle/table/domain-set.ts';
import type { Ring } from '../../bundle/trust/verify.ts';
import { readRegularFile } from '../../io/regular-file.ts';
import type { GatewayConfig } from '../config.ts';
import type { Copies } from '../record/copies.ts';
import { mapsExist } from '../maps/live-maps.ts';
import { settle, verified as verify } from '../record/version-history.ts';
import {
  bundleState,
  freshBundle,
  freshState,
  stateCorrupt,
  StateFiles,
  type BundleState,
  type CopyRef,
  type GatewayState,
} from '../record/state.ts';
import { addDomains } from '../../bundle/address/row-domain.ts';

/** A configured bundle with what is needed to look at its stored files. */
export interface Holder {
  readonly name: string;
  readonly ring: Ring;
  readonly copies: Copies;
}

export interface Recovery {
  readonly state: GatewayState;
  /** The record on disk does not say this yet. */
  readonly changed: boolean;
}

export interface RecoverContext {
  readonly config: GatewayConfig;
  readonly files: StateFiles;
  readonly holders: readonly Holder[];
  /** `--rebuild-state` */
  readonly giveUpFloor: boolean;
  readonly log: (message: string) => void;
}

/** @throws StateError STATE_CORRUPT */
export async function recover(cx: RecoverContext): Promise<Recovery> {
  const recovery = await found(cx);
  for (const h of cx.holders) settle(h.name, bundleState(recovery.state, h.name), h.copies, h.ring);
  return recovery;
}

async function found({ config, files, holders, giveUpFloor, log }: RecoverContext): Promise<Recovery> {
  files.removeUnfinished();
  const read = files.read();
  if (giveUpFloor) return { state: await anew(files, holders, log), changed: true };
  const pending = files.readPending();
  // Also where the record is lost, or was never written, as in a first installation: the pending set is the whole next record.
  if (pending !== null && (await isComplete(pending, holders, log))) return { state: pending, changed: true };
  const dropped = (state: GatewayState, changed: boolean): Recovery => {
    if (pending === null) return { state, changed };
    state.reloadPending ??= pending.reloadPending; // a map may have appeared before it was cut short
    return { state, changed: true };
  };
  if (read.is === 'whole') return dropped(read.value, false);
  const envelopes = holders.some((h) => h.copies.storedEnvelopes().length > 0);
  if (read.is === 'absent') {
    // Beside a pending set maps without a record are those of a first installation that was cut short.
    if (pending === null && mapsExist(config.map_dir))
      throw stateCorrupt(`${config.state_dir} has no state.json, but ${config.map_dir} has maps`);
    if (!envelopes && pending === null) return { state: freshState(), changed: false };
  }
  const why = read.is === 'corrupt' ? read.why : 'it is gone';
  if (!envelopes)
    throw stateCorrupt(`state.json is damaged (${why}) and no signed envelope is left to rebuild it from`);
  log(`state.json is damaged (${why}); it is rebuilt from the stored signed envelopes`);
  const state = freshState();
  for (const h of holders) state.bundles[h.name] = await rebuilt(h, hints(config.state_dir, h.name));
  return dropped(state, true);
}

/** A set that was about to be installed: if its copies are whole it is the record now, and healing makes its maps; else it never was. */
async function isComplete(
  pending: GatewayState,
  holders: readonly Holder[],
  log: (message: string) => void,
): Promise<boolean> {
  for (const { name, copies } of holders) {
    const installed = pending.bundles[name]?.installed ?? null;
    if (installed === null) continue;
    if (copies.envelope(installed) !== null && (await copies.isWhole(installed.table))) continue;
    log(`an interrupted installation is dropped: ${name}'s copy of version ${installed.version} is not whole`);
    return false;
  }
  log('an interrupted installation is completed');
  return true;
}

/** What `status.json` said before, as a hint only: which version was live, and whether it was held. */
function hints(stateDir: string, name: string): { version: number | null; held: BundleState['held'] } {
  try {
    const status = JSON.parse(readRegularFile(path.join(stateDir, 'status.json')).toString()) as {
      bundles?: { name?: unknown; version?: unknown; held?: { version?: unknown; since?: unknown } | null }[];
    };
    const found = status.bundles?.find((b) => b.name === name);
    const { version, since } = found?.held ?? {};
    // What the record itself would refuse would have it found damaged again, and made anew, at every cycle.
    const held = isVersion(version) && typeof since === 'string' && isInstant(since) ? { version, since } : null;
    return { version: isVersion(found?.version) ? found.version : null, held };
  } catch {
    return { version: null, held: null }; // a hint that cannot be read is none
  }
}

const isVersion = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** One bundle's state from its stored envelopes: the floor is the highest that verifies. */
async function rebuilt(h: Holder, hint: ReturnType<typeof hints>): Promise<BundleState> {
  const st = freshBundle();
  const verified = h.copies
    .storedEnvelopes()
    .flatMap(({ bytes }) => verify(bytes, h.ring) ?? [])
    .sort((a, b) => a.manifest.version - b.manifest.version);
  const highest = verified.at(-1);
  if (hint.version !== null && (highest === undefined || highest.manifest.version < hint.version)) {
    throw stateCorrupt(
      `${h.name}: version ${hint.version} was installed, the stored envelopes end at ${highest?.manifest.version ?? 'none'}`,
    );
  }
  st.unconditional = true;
  if (highest === undefined) return st;
  st.floor = { version: highest.manifest.version, digest: highest.digest };
  const copies: CopyRef[] = [];
  for (const v of verified) {
    const { manifest, digest } = v;
    const { sha256, rows, bytes } = manifest.tables.recipients;
    const domains = await countDomains(h.copies, sha256);
    if (domains === null) continue;
    const created = isoTime(manifest.created);
    const expires = isoTime(manifest.expires);
    copies.push({
      version: manifest.version,
      digest,
      table: sha256,
      rows,
      bytes,
      domains,
      created,
      expires,
      since: created,
      at: created,
    });
  }
  const live = copies.find((c) => c.version === hint.version) ?? copies.at(-1);
  st.installed = live ?? null;
  st.copies = copies.filter((c) => c !== live && c.table !== live?.table);
  st.seen = verified
    .filter((v) => !copies.some((c) => c.digest === v.digest))
    .map((v) => ({ version: v.manifest.version, digest: v.digest }));
  st.held = hint.held;
  return st;
}

async function countDomains(copies: Copies, sha256: string): Promise<number | null> {
  const set = new DomainSet();
  try {
    for await (const block of copies.rows(sha256)) addDomains(set, block);
    return set.size;
  } catch {
    return null; // the table is missing or damaged: only its envelope is left
  }
}

/** `--rebuild-state`: keeps what verifies, gives up the floor, and says so. */
async function anew(
  files: StateFiles,
  holders: readonly Holder[],
  log: (message: string) => void,
): Promise<GatewayState> {
  const state = freshState();
  for (const h of holders) {
    const st = await rebuilt(h, { version: null, held: null });
    const floor = st.floor?.version;
    log(
      `${h.name}: the rollback floor ${floor === undefined ? '' : `(version ${floor}) `}is given up by --rebuild-state`,
    );
    settle(h.name, st, h.copies, h.ring); // first: it would find the floor again
    Object.assign(st, { floor: null, seen: [] });
    state.bundles[h.name] = st;
  }
  files.dropPending();
  return state;
}
