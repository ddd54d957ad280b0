/**
 * One bundle's part of a lost record, from the envelopes of good copies (docs/bundle-format.md section 6): what was
 * only seen, or refused, makes no floor. And what `--rebuild-state` gives up by hand.
 */
import path from 'node:path';
import { isInstant } from '../../bundle/offer/instant.ts';
import { isoTime, nextHopsOf, type Manifest } from '../../bundle/offer/manifest.ts';
import { addDomains } from '../../bundle/address/row-domain.ts';
import { DomainSet } from '../../bundle/table/domain-set.ts';
import { verifiedBefore, type Ring } from '../../bundle/trust/verify.ts';
import { readRegularFile } from '../../io/regular-file.ts';
import type { Copies } from '../record/copies.ts';
import type { StoredEnvelope } from '../record/envelopes.ts';
import {
  freshBundle,
  stateCorrupt,
  type BundleState,
  type CopyRef,
  type EnvelopeRef,
  type HopsRef,
} from '../record/state.ts';
import { countingRings, rebuiltChain, type ChainStart } from '../record/chain.ts';
import { allCopies, floorOf, isTrusted, settle, verified } from '../record/version-history.ts';

/** A configured bundle with what is needed to look at its stored files. */
export interface Holder {
  readonly name: string;
  /** The key directory, and what the configuration says of it. */
  readonly start: ChainStart;
  readonly copies: Copies;
}

/** What `status.json` said before, as a hint only: which version was live, whether it was held, the key ring step. */
export interface Hints {
  readonly version: number | null;
  readonly held: BundleState['held'];
  readonly step: number;
}

export const NO_HINTS: Hints = { version: null, held: null, step: 0 };

export function hints(stateDir: string, name: string): Hints {
  try {
    const status = JSON.parse(readRegularFile(path.join(stateDir, 'status.json')).toString()) as {
      bundles?: {
        name?: unknown;
        version?: unknown;
        held?: { version?: unknown; since?: unknown } | null;
        keyring?: { step?: unknown } | null;
      }[];
    };
    const found = status.bundles?.find((b) => b.name === name);
    const { version, since } = found?.held ?? {};
    // A value that the record refuses would have it found damaged, and rebuilt, at every cycle.
    const held = isVersion(version) && typeof since === 'string' && isInstant(since) ? { version, since } : null;
    const step = found?.keyring?.step;
    return { version: isVersion(found?.version) ? found.version : null, held, step: isVersion(step) ? step : 0 };
  } catch {
    return NO_HINTS; // a hint that cannot be read is none
  }
}

const isVersion = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/**
 * The floor is the highest good envelope that verifies under any ring of the stored steps, from the newest step on
 * that sets a floor; every copy that is whole is kept, whether or not it verifies.
 * @throws StateError STATE_CORRUPT for an envelope that is damaged or was live and is missing, where none verifies,
 * and for stored key ring steps that are cut or do not follow
 */
export async function rebuildBundle(h: Holder, hint: Hints): Promise<BundleState> {
  const good = h.copies.envelopes.good();
  const trust = rebuiltChain(h.start, h.copies.steps, hint.step, false);
  requireWhole(h, good, hint, countingRings(trust.chain));
  return rebuilt(h, good, hint, trust);
}

type Trust = ReturnType<typeof rebuiltChain>;

/** The same by hand: what is damaged or missing is given up. */
export const rebuildBundleByHand = (h: Holder, hint: Hints): Promise<BundleState> =>
  rebuilt(h, h.copies.envelopes.good(), hint, rebuiltChain(h.start, h.copies.steps, hint.step, true));

const verifiesUnder = (rings: readonly Ring[], bytes: Uint8Array): boolean =>
  rings.some((ring) => verified(bytes, ring) !== null);

function requireWhole(
  { name }: Holder,
  good: readonly StoredEnvelope[],
  { version, held }: Hints,
  rings: readonly Ring[],
): void {
  const damaged = good.find(({ bytes }) => bytes === null);
  if (damaged !== undefined)
    throw stateCorrupt(`${name}: the stored envelope of version ${damaged.ref.version} is damaged`);
  const highest = good.reduce((most, { ref }) => Math.max(most, ref.version), 0);
  // A report may be older than the record was, so a higher version than it names will do; not where an older one is
  // held.
  const isThere = good.some(({ ref }) => ref.version === version);
  if (version !== null && !isThere && (version > highest || held !== null)) {
    throw stateCorrupt(`${name}: version ${version} was installed, the stored envelopes end at ${highest || 'none'}`);
  }
  if (good.length > 0 && !good.some(({ bytes }) => bytes !== null && verifiesUnder(rings, bytes))) {
    throw stateCorrupt(`${name}: none of the ${good.length} stored envelopes verifies under the keys as they are now`);
  }
}

async function rebuilt(
  h: Holder,
  good: readonly StoredEnvelope[],
  hint: Hints,
  { chain, keyring }: Trust,
): Promise<BundleState> {
  const rings = countingRings(chain);
  const st = { ...freshBundle(), keyring };
  st.unconditional = true;
  const copies: CopyRef[] = [];
  for (const { ref, bytes } of [...good].sort((a, b) => a.ref.version - b.ref.version)) {
    if (bytes === null) continue;
    if (verifiesUnder(rings, bytes)) st.floor = ref;
    const copy = await copyOf(h.copies, ref, bytes);
    if (copy !== null) copies.push(copy);
  }
  const { floor } = st;
  const live =
    copies.filter((c) => c.version === hint.version).at(-1) ??
    copies.find((c) => c.digest === floor?.digest) ??
    copies.at(-1);
  st.installed = live ?? null;
  st.copies = copies.filter((c) => c !== live && !isSamePair(c, live));
  st.seen = h.copies.envelopes
    .seen()
    .filter(
      ({ ref, bytes }) => bytes !== null && ref.version >= (floorOf(st)?.version ?? 0) && verifiesUnder(rings, bytes),
    )
    .map(({ ref }) => ref);
  st.held = hint.held;
  // The same count again says nothing new.
  const counts = allCopies(st).map(({ since, rows }) => ({ at: since, rows }));
  st.history = counts.filter(({ rows }, i) => rows !== counts[i - 1]?.rows);
  return st;
}

const isSamePair = (a: CopyRef, b: CopyRef | undefined): boolean =>
  a.table === b?.table && a.transport?.table === b.transport?.table;

/** Null where the table is missing or damaged: only its envelope is left. */
async function copyOf(copies: Copies, ref: EnvelopeRef, envelope: Uint8Array): Promise<CopyRef | null> {
  const { manifest } = verifiedBefore(envelope, ref.digest);
  const { sha256, rows, bytes } = manifest.tables.recipients;
  const domains = new DomainSet();
  try {
    for await (const block of copies.rows(sha256)) addDomains(domains, block);
  } catch {
    return null;
  }
  const created = isoTime(manifest.created);
  const expires = isoTime(manifest.expires);
  return {
    ...ref,
    table: sha256,
    rows,
    bytes,
    domains: domains.size,
    transport: await hopsOf(copies, manifest),
    created,
    expires,
    since: created,
    at: created,
  };
}

/** Null where there is none, or none was ever asked for; what is damaged is taken again by the next cycle. */
async function hopsOf(copies: Copies, manifest: Manifest): Promise<HopsRef | null> {
  try {
    const { entry } = nextHopsOf(manifest);
    if (entry === null || !(await copies.isWhole(entry.sha256))) return null;
    return { table: entry.sha256, rows: entry.rows, bytes: entry.bytes };
  } catch {
    return null; // a gateway that does not ask has taken a manifest with whatever there
  }
}

/**
 * `--rebuild-state` for one bundle: floor and digests are given up. The live copy's version is the floor from now
 * on, if it verifies; if it does not, the floor is 0, and the next table is not compared with it.
 * @returns false where the live copy has lost its envelope: it is a copy no more.
 */
export function giveUpFloor(h: Holder, st: BundleState, ring: Ring, log: (message: string) => void): boolean {
  const before = floorOf(st)?.version;
  const isWhole = (ref: EnvelopeRef | null): boolean => ref !== null && h.copies.envelope(ref) !== null;
  const live = st.installed;
  if (!isWhole(live)) st.installed = null;
  if (!isWhole(st.waiting)) st.waiting = null;
  Object.assign(st, {
    floor: null,
    keyring: { ...st.keyring, floor: null },
    seen: [],
    copies: st.copies.filter(isWhole),
    ring: '',
    etags: {},
    unconditional: true,
  });
  settle(h.name, st, h.copies, ring);
  const isKnown = st.installed !== null && isTrusted(st, st.installed);
  if (!isKnown) Object.assign(st, { baselineGivenUp: st.installed !== null, history: [] });
  const now = isKnown
    ? `now it is version ${st.installed?.version}, the live copy's`
    : 'now it is 0: no live copy verifies';
  log(
    `${h.name}: the rollback floor ${before === undefined ? '' : `(version ${before}) `}is given up by --rebuild-state; ${now}`,
  );
  return live === null || st.installed !== null;
}
