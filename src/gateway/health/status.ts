/**
 * The form of `status.json`, written by report.ts and read by health: no address, no secret, readable by everyone.
 * Reads that file.
 */
import path from 'node:path';
import * as z from 'zod/mini';
import { isInstant } from '../../bundle/offer/instant.ts';
import { isCode, type Code } from '../../errors.ts';
import { isAbsent } from '../../io/atomic-file.ts';
import { readRegularFile } from '../../io/regular-file.ts';
import { MAP_FILE } from '../map-files.ts';
import { Rhythm } from './rhythm.ts';

const nullableText = () => z.nullable(z.string());
const count = () => z.int().check(z.gte(0));
const code = () => z.custom<Code>(isCode);
/** A time that is none would be neither late nor expired, whatever the clock says. */
const time = () => z.string().check(z.refine(isInstant));
const nullableTime = () => z.nullable(time());

/** The ring that counts (docs/bundle-format.md section 6). Keys by keyid. */
const KeyringStatus = z.object({
  step: count(),
  /** When that step was verified here; null where it is the directory's. */
  since: nullableTime(),
  threshold: count(),
  keys: z.array(z.string()),
  /** Whether there are root keys, so that steps can come. */
  isRooted: z.boolean(),
  /** Who signed the live copy, of these keys. */
  signedBy: z.array(z.string()),
  /** Stands for the key directory of the last cycle. */
  start: z.string(),
  /** Why the stored steps do not count; null where they do. */
  broken: nullableText(),
});

export type KeyringStatus = z.infer<typeof KeyringStatus>;

const Bundle = z
  .object({
    name: z.string(),
    /** The live copy; null where nothing is installed. */
    version: z.nullable(count()),
    digest: nullableText(),
    rows: z.nullable(count()),
    /** Rows of its table of next hops; null where it has none, or none is asked for. */
    nextHops: z.optional(z.nullable(count())),
    created: nullableTime(),
    expires: nullableTime(),
    installedAt: nullableTime(),
    held: z.nullable(z.object({ version: count(), since: time() })),
    /** Whether the live copy verifies under the ring named by `ring`. */
    trusted: z.boolean(),
    ring: z.string(),
    keyring: z.optional(z.nullable(KeyringStatus)),
    /** The end of the last cycle that asked for it, and of the last one that ended installed or unchanged. */
    checkedAt: nullableTime(),
    succeededAt: nullableTime(),
    outcome: z.nullable(z.enum(['installed', 'unchanged', 'kept'])),
    code: z.nullable(code()),
    message: nullableText(),
    warnings: z.array(z.string()),
    /** How often a new version comes. */
    rhythm: z.optional(z.nullable(Rhythm)),
  })
  // Without these times nothing of it would ever be late.
  .check(z.refine((b) => b.version === null || [b.created, b.expires, b.installedAt].every((at) => at !== null)));

const Status = z.object({
  format: z.literal(1),
  endedAt: time(),
  /** A failure before any bundle. */
  failure: z.nullable(z.object({ code: code(), message: z.string() })),
  maps: z.nullable(
    z.record(
      z.string().check(z.regex(MAP_FILE)),
      z.object({ sha256: z.string(), bytes: z.number(), mtimeMs: z.number(), ino: z.number() }),
    ),
  ),
  reloadPending: nullableTime(),
  bundles: z.array(Bundle),
  /** See counters.ts; health can do without. */
  counters: z.optional(z.unknown()),
});

export type BundleStatus = z.infer<typeof Bundle>;
export type Status = z.infer<typeof Status>;

/** A cycle may begin and end after a look at health has taken its time. */
const AT_ONCE = 60_000;

/**
 * The status with a time in the future taken for never: what a clock that was ahead has written must not look fresh
 * for days (docs/commands.md section 2.5).
 */
export function knownAt<S extends Pick<Status, 'bundles'>>(status: S, now: Date): S {
  const past = (at: string | null) => (at !== null && Date.parse(at) <= now.getTime() + AT_ONCE ? at : null);
  const bundles = status.bundles.map((b) => ({
    ...b,
    installedAt: past(b.installedAt),
    checkedAt: past(b.checkedAt),
    succeededAt: past(b.succeededAt),
  }));
  return { ...status, bundles };
}

export function readStatus(
  stateDir: string,
):
  | { readonly is: 'absent' }
  | { readonly is: 'corrupt'; readonly why: string }
  | { readonly is: 'whole'; readonly value: Status } {
  try {
    const result = z.safeParse(Status, JSON.parse(readRegularFile(path.join(stateDir, 'status.json')).toString()));
    return result.success ? { is: 'whole', value: result.data } : { is: 'corrupt', why: 'it has another form' };
  } catch (error) {
    return isAbsent(error)
      ? { is: 'absent' }
      : { is: 'corrupt', why: error instanceof SyntaxError ? 'it is not JSON' : (error as Error).message };
  }
}
