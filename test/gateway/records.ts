// Records of the gateway's memory for the tests, and envelopes that really verify. Writes only below the folder it
// is given.
import { gzipSync } from 'node:zlib';
import { judgeTable } from '../../src/bundle/offer/guard.ts';
import { startingRing, type RootedRing } from '../../src/bundle/trust/keyring.ts';
import { verifyManifest, type VerifiedManifest } from '../../src/bundle/trust/verify.ts';
import type { Copies } from '../../src/gateway/record/copies.ts';
import type { CopyRef } from '../../src/gateway/record/state.ts';
import { Forger, sha256, tableOf, type SigningKey } from '../support/forger.ts';

export const NOW = new Date('2026-11-24T12:00:00Z');
export const HOUR = 3_600_000;
export const ago = (hours: number): string => new Date(NOW.getTime() - hours * HOUR).toISOString();
export const digit = (n: number): string => n.toString(16).padStart(64, '0');

/** A copy of a version, with a table of its own unless told. */
export const copy = (version: number, change: Partial<CopyRef> = {}): CopyRef => ({
  version,
  digest: digit(version),
  table: digit(version + 0x1000),
  rows: 100 + version,
  bytes: 2000,
  domains: 1,
  transport: null,
  created: ago(1),
  expires: ago(-24 * 7),
  since: ago(1),
  at: ago(1),
  ...change,
});

/** A ring without root keys. */
export const ringOf = (threshold: number, ...keys: SigningKey[]): RootedRing =>
  startingRing({
    keys: new Map(keys.map((key) => [key.keyid, key.raw])),
    threshold,
    rootKeys: new Map(),
    rootThreshold: null,
    step: 0,
  });

/** A signed version, verified as in a cycle. */
export function signed(
  version: number,
  key: SigningKey,
  rows: readonly string[] = ['a@example.org'],
): VerifiedManifest {
  const { manifestFile } = new Forger('example-org', [key]).publish(rows, { version, created: NOW.getTime() });
  return verifyManifest(manifestFile, ringOf(1, key));
}

/** Keeps a signed version and its table, as a cycle does. */
export function keep(
  copies: Copies,
  version: number,
  key: SigningKey,
  rows: readonly string[] = ['a@example.org'],
): CopyRef {
  const verified = signed(version, key, rows);
  const text = tableOf(rows);
  const table = sha256(text);
  const spool = copies.spool(table);
  spool.write(gzipSync(text));
  copies.keep(spool, judgeTable({ table, missing: [], foreign: null, shrinkage: null, lifted: false }));
  spool.discard();
  const ref = copies.keepEnvelope(verified);
  return copy(version, { ...ref, table, rows: rows.length, bytes: text.length });
}
