/**
 * Whether a cosigner may sign a candidate, by what the candidate itself says and what the cosigner remembers
 * (docs/commands.md section 3.3). The first refusal of a fixed order wins. The table is judged elsewhere. Pure.
 */
import { isoTime, nextHopsOf, parseManifest, type Manifest } from '../../bundle/offer/manifest.ts';
import { StepError } from '../../errors.ts';
import { PublishError } from '../errors.ts';

/** How far a candidate's `created` may be from this host's clock, and its validity from the expected one. */
const SLACK = 600_000;
/** How far a candidate's version may be above the newest one that is out. */
const AHEAD = 100;

const TABLE = ['rows', 'bytes', 'sha256', 'encoding', 'wireBytes', 'deltas'];
const DELTA = ['from', 'bytes', 'sha256', 'wireBytes'];
/** Members of each object that this version knows. What it does not know it cannot have checked. */
const KNOWN: Readonly<Record<string, readonly string[]>> = {
  '': ['format', 'name', 'version', 'created', 'expires', 'keyring', 'shrinkApproved', 'tables'],
  shrinkApproved: ['until', 'rows', 'domains', 'transport'],
  'shrinkApproved.transport': ['rows'],
  tables: ['recipients', 'transport'],
  'tables.recipients': TABLE,
  'tables.recipients.deltas.': DELTA,
  'tables.transport': TABLE,
  'tables.transport.deltas.': DELTA,
};

export interface CosignRules {
  readonly name: string;
  readonly now: Date;
  /** Milliseconds. */
  readonly validFor: number;
  /** Key ring steps that it may name. */
  readonly keyrings: readonly number[];
  /** The newest version that is out; 0 for none. */
  readonly out: number;
  /** The last payload that was signed here. */
  readonly signed: { readonly version: number; readonly digest: string } | null;
  /** The shrinking that was allowed on this host. */
  readonly grant: Grant | null;
}

export interface Grant {
  readonly until: Date;
  readonly rows: number;
  readonly domains: number;
}

/** @throws PublishError UNSIGNED */
export function judgeCandidate(payload: Uint8Array, digest: string, rules: CosignRules): Manifest {
  const manifest = parsed(payload);
  const refuse = (why: string) => new PublishError('UNSIGNED', why);
  const { name, version, created, expires, keyring, shrinkApproved: approved } = manifest;
  const { now, signed, out, grant } = rules;
  if (name !== rules.name) throw refuse(`it is for "${name}", expected "${rules.name}"`);
  if (signed !== null && version === signed.version && digest !== signed.digest) {
    const digests = `${signed.digest.slice(0, 16)}, not ${digest.slice(0, 16)}`;
    throw refuse(`another payload of version ${version} was signed here: ${digests}`);
  }
  if (signed !== null && version < signed.version)
    throw refuse(`it is version ${version}, version ${signed.version} was signed here`);
  if (version <= out) throw refuse(`it is version ${version}, version ${out} is out`);
  if (version > out + AHEAD)
    throw refuse(`it is version ${version}, more than ${AHEAD} above version ${out}, which is out`);
  if (Math.abs(created.getTime() - now.getTime()) > SLACK)
    throw refuse(`it was created ${isoTime(created)}, the clock here says ${isoTime(now)}`);
  const validFor = expires.getTime() - created.getTime();
  if (Math.abs(validFor - rules.validFor) > SLACK)
    throw refuse(`it is valid for ${validFor / 1000} s, valid_for is ${rules.validFor / 1000} s here`);
  if (!rules.keyrings.includes(keyring))
    throw refuse(`it names key ring step ${keyring}, expected ${rules.keyrings.join(' or ')} (\`ring\`)`);
  if (approved !== undefined) {
    const own = grant === null ? 'none' : `until ${isoTime(grant.until)} for ${grant.rows} rows`;
    const isOwn =
      grant !== null &&
      now < grant.until &&
      approved.until <= grant.until &&
      approved.rows >= grant.rows &&
      approved.domains >= grant.domains;
    if (!isOwn)
      throw refuse(
        `it approves a shrinking until ${isoTime(approved.until)} for ${approved.rows} rows, allowed here: ${own}`,
      );
  }
  return manifest;
}

function parsed(payload: Uint8Array): Manifest {
  try {
    const manifest = parseManifest(payload);
    nextHopsOf(manifest); // its form is looked at where the table is asked for
    const unknown = unknownMember(JSON.parse(Buffer.from(payload).toString()), '');
    if (unknown !== null) throw new PublishError('UNSIGNED', `it has the member ${unknown}, which is not known here`);
    return manifest;
  } catch (error) {
    if (error instanceof StepError) throw new PublishError('UNSIGNED', error.message, error);
    throw error;
  }
}

/** The first member that is not known; null if all are. */
function unknownMember(value: unknown, place: string): string | null {
  if (Array.isArray(value)) {
    for (const each of value) {
      const found = unknownMember(each, `${place}.`);
      if (found !== null) return found;
    }
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const known = KNOWN[place] ?? [];
  for (const [key, below] of Object.entries(value)) {
    const at = place === '' ? key : `${place.replace(/\.$/, '')}.${key}`;
    if (!known.includes(key)) return at.slice(0, 80);
    const found = unknownMember(below, at);
    if (found !== null) return found;
  }
  return null;
}
