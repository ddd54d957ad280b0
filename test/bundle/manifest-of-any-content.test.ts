// Any manifest at all: one that keeps the rules is what it was once it is written and read, and of anything else
// nothing but a refusal comes.
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { isoTime, parseManifest } from '../../src/bundle/offer/manifest.ts';
import { ManifestError } from '../../src/errors.ts';

const DAY = 86_400_000;
const hex = fc.stringMatching(/^[0-9a-f]{64}$/);
const count = fc.maxSafeNat();
const name = fc.stringMatching(/^[a-z0-9][a-z0-9.-]{0,63}$/);
/** Whole seconds of four-digit years. */
const created = fc.integer({ min: 0, max: 253_000_000 }).map((s) => s * 1000);
const delta = fc.record({ from: hex, bytes: count, sha256: hex, wireBytes: count });
const bound = (bytes: number) => Math.min(Number.MAX_SAFE_INTEGER, bytes + Math.floor(bytes / 1000) + 1024);
const saves = (d: { bytes: number; wireBytes: number }, t: { wireBytes: number }) =>
  d.wireBytes <= bound(d.bytes) && d.wireBytes < t.wireBytes;
const anyTable = fc.record(
  {
    rows: count,
    bytes: count,
    sha256: hex,
    encoding: fc.constant('gzip'),
    wireBytes: count,
    deltas: fc.array(delta, { maxLength: 64 }),
  },
  { requiredKeys: ['rows', 'bytes', 'sha256', 'encoding', 'wireBytes'] },
);
/** Any one whose body is within its bound. */
const table = anyTable.map((t) => ({ ...t, wireBytes: Math.min(t.wireBytes, bound(t.bytes)) }));
const seconds = (most: number) => fc.integer({ min: 1, max: most / 1000 });
const manifest = fc
  .tuple(
    fc.record({ name, version: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), keyring: fc.option(count) }),
    created,
    seconds(90 * DAY),
    fc.option(fc.record({ until: seconds(7 * DAY), rows: count, domains: count })),
    table,
  )
  .map(([{ keyring, ...facts }, at, valid, approved, recipients]) => ({
    format: 1,
    ...facts,
    created: isoTime(new Date(at)),
    expires: isoTime(new Date(at + valid * 1000)),
    ...(keyring === null ? {} : { keyring }),
    ...(approved === null
      ? {}
      : { shrinkApproved: { ...approved, until: isoTime(new Date(at + approved.until * 1000)) } }),
    tables: { recipients },
  }));

test('one that keeps the rules comes back, what it leaves out as it is by default, and unknown members count for nothing', () => {
  fc.assert(
    fc.property(manifest, fc.dictionary(fc.stringMatching(/^x[a-z_]*$/), fc.jsonValue()), (given, more) => {
      const read = parseManifest(
        Buffer.from(JSON.stringify({ ...more, ...given, tables: { ...more, ...given.tables } })),
      );
      const { created, expires, shrinkApproved, ...rest } = read;
      const again = {
        ...rest,
        created: isoTime(created),
        expires: isoTime(expires),
        ...(shrinkApproved === undefined
          ? {}
          : { shrinkApproved: { ...shrinkApproved, until: isoTime(shrinkApproved.until) } }),
      };
      expect(again).toEqual({
        keyring: 0,
        ...given,
        tables: {
          recipients: {
            ...given.tables.recipients,
            deltas: (given.tables.recipients.deltas ?? []).filter((d) => saves(d, given.tables.recipients)),
          },
        },
      });
      expect(parseManifest(Buffer.from(JSON.stringify(again)))).toEqual(read);
    }),
  );
});

test('anything else, bytes, JSON, or one with a value put in another place, is refused in few words', () => {
  const places = ['name', 'version', 'created', 'expires', 'keyring', 'shrinkApproved', 'tables', 'format'];
  const spoilt = fc
    .tuple(manifest, fc.constantFrom(...places), fc.jsonValue({ noUnicodeString: false }))
    .map(([given, place, value]) => JSON.stringify({ ...given, [place]: value }));
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array(), fc.json(), fc.string({ unit: 'binary' }), spoilt), (content) => {
      try {
        parseManifest(Buffer.from(content));
      } catch (error) {
        expect(error).toBeInstanceOf(ManifestError);
        expect((error as Error).message.length).toBeLessThan(200);
      }
    }),
  );
});
