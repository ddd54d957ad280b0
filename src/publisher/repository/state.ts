/**
 * What the publisher remembers between two runs, and whether it matches what is published. A version must never be
 * signed twice and never go back. Pure; repository.ts reads and writes it.
 */
import * as z from 'zod/mini';
import { isInstant } from '../../bundle/offer/instant.ts';
import type { PublisherConfig } from '../config.ts';
import { PublishError } from '../errors.ts';
import { nextHopsOf, type Manifest, type TableEntry } from '../../bundle/offer/manifest.ts';

const sha256 = () => z.string().check(z.regex(/^[0-9a-f]{64}$/));
const time = () => z.string().check(z.refine(isInstant));
const count = () => z.int().check(z.gte(0));
const history = () => z.array(z.object({ rows: count(), at: time() }));

const Record = z.object({
  format: z.literal(1),
  name: z.string(),
  /** The highest version ever signed, and the SHA-256 of its payload. */
  highest: count(),
  digest: z._default(z.nullable(sha256()), null),
  /** The newest of `tables` while it is not known to have been out; null once it was. */
  sent: z._default(z.nullable(sha256()), null),
  /** The payload's SHA-256 of what a run found to be out and left there, by this publisher or another. */
  seen: z._default(z.nullable(sha256()), null),
  /** Published tables that deltas start from: the oldest first, the current one last. */
  tables: z.array(z.object({ sha256: sha256(), at: time() })),
  /** How many rows the list had, and since when, for the past day: the guard looks that far back. */
  history: z._default(history(), []),
  /** The same for each source, by name: those of the last publish. */
  sources: z._default(z.record(z.string(), history()), {}),
  /** The newest key ring step that was put out here. */
  keyring: z._default(count(), 0),
  /** Hashes of what the sources gave here: the last one last. */
  readings: z._default(z.array(z.object({ recipients: sha256(), transport: z.nullable(sha256()) })), []),
  /** Candidates that wait for signatures of other hosts: the oldest first. */
  candidates: z._default(z.array(z.object({ version: count(), digest: sha256() })), []),
  /** The shrinking that was allowed here, and until when. It is never taken from `output`. */
  approval: z._default(
    z.nullable(
      z.object({
        until: time(),
        rows: count(),
        domains: count(),
        transport: z.optional(z.object({ rows: count() })),
      }),
    ),
    null,
  ),
  /** The same of the table of next hops: its tables, its row counts, its unnamed blobs. */
  transport: z._default(
    z.object({
      tables: z.array(z.object({ sha256: sha256(), at: time() })),
      history: history(),
      unnamed: z.record(z.string(), time()),
    }),
    { tables: [], history: [], unnamed: {} },
  ),
  /** Blobs that the newest manifest no longer names, and since when. */
  unnamed: z.record(z.string(), time()),
});

export type PublisherState = z.infer<typeof Record>;

/**
 * @throws PublishError STATE. A damaged state is not an absent one: it held the version that must not be signed
 *   again.
 */
export function parseState(file: string, text: string): PublisherState {
  const goOn = 'move it away, then publish with --next-version above all versions ever published';
  try {
    return z.parse(Record, JSON.parse(text));
  } catch (error) {
    throw new PublishError('STATE', `${file} is damaged or of another version; ${goOn}`, error);
  }
}

/**
 * The state to continue from.
 * @param isOthers another publisher has put out what is published (docs/commands.md section 3.1).
 * @param isShared others publish there too, so a version that is higher than the own ones is nothing strange.
 * @throws PublishError STATE if output and state do not match. The message says what to do.
 */
export function continued(
  config: PublisherConfig,
  state: PublisherState | null,
  published: Published | null,
  {
    nextVersion,
    isOthers,
    isShared,
  }: { readonly nextVersion: number | null; readonly isOthers: boolean; readonly isShared: boolean },
): PublisherState {
  const { name, output, state_dir: stateDir } = config;
  const version = published?.manifest.version ?? 0;
  const highest = Math.max(state?.highest ?? 0, version);
  const refuse = (message: string) => new PublishError('STATE', message);
  const goOn = `To go on: relaymap-publish publish --next-version ${highest + 1}, or higher if a gateway may have seen a higher one`;

  if (state !== null && state.name !== name)
    throw refuse(`${stateDir} belongs to the bundle "${state.name}", the configuration says "${name}"`);
  if (published !== null && published.manifest.name !== name)
    throw refuse(`${output} holds the bundle "${published.manifest.name}", the configuration says "${name}"`);
  if (nextVersion !== null) {
    if (nextVersion <= highest)
      throw refuse(`--next-version ${nextVersion} is not above version ${highest}, which was signed already`);
  } else if (isOthers) {
    // Its versions are not signed here, so the record need not know them.
  } else if (state === null) {
    if (published !== null) throw refuse(`${output} has version ${version}, but ${stateDir} is empty. ${goOn}`);
  } else if (published === null && state.tables.some((t) => t.sha256 !== state.sent)) {
    throw refuse(`version ${state.highest} was signed, but ${output} has no manifest.json. ${goOn}`);
  } else if (published !== null && version > state.highest && !isShared) {
    throw refuse(`${output} has version ${version}, but ${stateDir} ends at ${state.highest}: an old backup? ${goOn}`);
  } else if (
    published !== null &&
    version === state.highest &&
    !isShared &&
    (state.digest ?? published.digest) !== published.digest
  ) {
    throw refuse(`version ${version} in ${output} is not the one that was signed here. ${goOn}`);
  }
  if (state !== null) {
    // A manifest by the own keys counts as our own, also where another host with these keys was faster.
    const isOut = isShared && !isOthers && published !== null && version === highest;
    return { ...state, ...(isShared ? { highest } : {}), ...(isOut ? { digest: published.digest } : {}) };
  }
  return { ...adopted(published), ...NOTHING, format: 1, name, highest };
}

const NOTHING = {
  digest: null,
  sent: null,
  seen: null,
  sources: {},
  approval: null,
  unnamed: {},
  keyring: 0,
  readings: [],
  candidates: [],
};

/** What a lost record would have said about the published table. */
function adopted(published: Published | null): Pick<PublisherState, 'tables' | 'history' | 'transport'> {
  if (published === null) return { ...asOf(null, ''), transport: { ...asOf(null, ''), unnamed: {} } };
  const at = published.manifest.created.toISOString();
  const transport = { ...asOf(nextHopsOf(published.manifest).entry, at), unnamed: {} };
  return { ...asOf(published.manifest.tables.recipients, at), transport };
}

const asOf = (entry: TableEntry | null, at: string): Pick<PublisherState, 'tables' | 'history'> =>
  entry === null
    ? { tables: [], history: [] }
    : { tables: [{ sha256: entry.sha256, at }], history: [{ rows: entry.rows, at }] };

export interface Published {
  readonly manifest: Manifest;
  readonly envelope: Uint8Array;
  /** The payload's SHA-256, in lower-case hex. */
  readonly digest: string;
  /** For what replaces it: see store.ts. */
  readonly tag: string;
}
