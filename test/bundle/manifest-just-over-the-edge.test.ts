// Every rule of docs/bundle-format.md section 3, from both sides, and the order in which an offer is refused.
import { describe, expect, test } from 'vitest';
import { isoTime, nextHopsOf, parseManifest, type Manifest } from '../../src/bundle/offer/manifest.ts';
import { clockWarning, judgingTime } from '../../src/bundle/offer/clock.ts';
import { judgeOffer, type OfferRules } from '../../src/bundle/offer/offer.ts';
import type { VerifiedManifest } from '../../src/bundle/trust/verify.ts';
import { cdbBytes, MAX_CDB } from '../../src/bundle/table/cdb-size.ts';

const hash = (digit: string) => digit.repeat(64);
const delta = { from: hash('b'), bytes: 3200, sha256: hash('c'), wireBytes: 1237 };
const recipients = { rows: 10, bytes: 310, sha256: hash('a'), encoding: 'gzip', wireBytes: 100 };
const good = {
  format: 1,
  name: 'example-org',
  version: 42,
  created: '2026-11-24T07:00:00Z',
  expires: '2026-12-01T07:00:00Z',
  tables: { recipients },
};
const parse = (value: unknown): Manifest =>
  parseManifest(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)));
const code = (value: unknown): string => {
  try {
    parse(value);
    return 'good';
  } catch (error) {
    return `${(error as Error).name} ${(error as { code: string }).code}`;
  }
};
const table = (change: object) => ({ ...good, tables: { recipients: { ...recipients, ...change } } });
const shrink = (change: object) => ({
  ...good,
  shrinkApproved: { until: '2026-11-25T07:00:00Z', rows: 1, domains: 1, ...change },
});
const drop = (from: object, name: string) => Object.fromEntries(Object.entries(from).filter(([key]) => key !== name));
const BAD = 'ManifestError BAD_MANIFEST';
const LATER = 'ManifestError UNSUPPORTED_FORMAT';

describe('is taken', () => {
  test.each<[string, unknown]>([
    ['as it stands', good],
    [
      'members that are not known',
      { ...good, later: { a: [1] }, tables: { recipients: { ...recipients, x: 1 }, senders: 7 } },
    ],
    ['a name twice: the last wins', JSON.stringify(good).replace('{', '{"version":"no",')],
    ['version 1', { ...good, version: 1 }],
    ['version 2^53-1', { ...good, version: Number.MAX_SAFE_INTEGER }],
    ['version 42.0', JSON.stringify(good).replace('42', '42.0')],
    ['version 4.2e1', JSON.stringify(good).replace('42', '4.2e1')],
    ['a name of 64 characters', { ...good, name: 'a'.repeat(64) }],
    ['a name of one', { ...good, name: '0' }],
    ['expires a second after created', { ...good, expires: '2026-11-24T07:00:01Z' }],
    ['expires exactly 90 days after', { ...good, expires: '2027-02-22T07:00:00Z' }],
    ['keyring 3', { ...good, keyring: 3 }],
    ['shrinkApproved exactly 7 days', shrink({ until: '2026-12-01T07:00:00Z' })],
    ['shrinkApproved in the past', shrink({ until: '2020-01-01T00:00:00Z' })],
    ['no row', table({ rows: 0, bytes: 0 })],
    ['64 deltas', table({ deltas: Array.from({ length: 64 }, () => delta) })],
    ['no delta', table({ deltas: [] })],
    ['a delta larger than the table', table({ deltas: [{ ...delta, wireBytes: 101 }] })],
    ['a body at its bound', table({ wireBytes: 1334 })],
    ['a body at the bound of no bytes', table({ rows: 0, bytes: 0, wireBytes: 1024 })],
    [
      'a delta over its bound',
      table({ wireBytes: 9999, bytes: 9999, deltas: [{ ...delta, bytes: 1, wireBytes: 1026 }] }),
    ],
    ['29 February of a leap year', { ...good, created: '2028-02-29T00:00:00Z', expires: '2028-03-01T00:00:00Z' }],
  ])('%s', (_, value) => {
    expect(code(value)).toBe('good');
  });

  test('with what is optional filled in, and times as times', () => {
    const m = parse(good);
    expect([m.keyring, m.tables.recipients.deltas, m.shrinkApproved]).toEqual([0, [], undefined]);
    expect(m.created).toEqual(new Date('2026-11-24T07:00:00Z'));
    expect(isoTime(m.expires)).toBe(good.expires);
  });

  test('and a delta that saves nothing, or whose body is over its bound, is left out', () => {
    const { wireBytes, deltas } = parse(
      table({
        bytes: 9999,
        wireBytes: 2000,
        deltas: [
          { ...delta, bytes: 3200, wireBytes: 1999 },
          { ...delta, bytes: 3200, wireBytes: 2000 },
          { ...delta, bytes: 1, wireBytes: 1025 },
          { ...delta, bytes: 1, wireBytes: 1026 },
          { ...delta, bytes: 0, wireBytes: 1024 },
        ],
      }),
    ).tables.recipients;
    expect([wireBytes, deltas.map((d) => d.wireBytes)]).toEqual([2000, [1999, 1025, 1024]]);
  });
});

describe('is refused', () => {
  test.each<[string, unknown, string]>([
    ['nothing', '', BAD],
    ['cut short', JSON.stringify(good).slice(0, -1), BAD],
    ['a BOM', `\ufeff${JSON.stringify(good)}`, BAD],
    ['a list', [good], BAD],
    ['null', 'null', BAD],
    ['a number', '1', BAD],
    ['brackets without end', '['.repeat(100_000), BAD],
    ...Object.keys(good).map((name): [string, unknown, string] => [`no ${name}`, drop(good, name), BAD]),
    ...Object.keys(recipients).map((name): [string, unknown, string] => [
      `a table without ${name}`,
      { ...good, tables: { recipients: drop(recipients, name) } },
      BAD,
    ]),
    ...Object.keys(delta).map((name): [string, unknown, string] => [
      `a delta without ${name}`,
      table({ deltas: [delta, drop(delta, name)] }),
      BAD,
    ]),
    ...['until', 'rows', 'domains'].map((name): [string, unknown, string] => [
      `shrinkApproved without ${name}`,
      { ...good, shrinkApproved: drop(shrink({}).shrinkApproved, name) },
      BAD,
    ]),
    ['format "1"', { ...good, format: '1' }, BAD],
    ['format 1.5', { ...good, format: 1.5 }, BAD],
    ['format null', { ...good, format: null }, BAD],
    ['format 2', { ...good, format: 2 }, LATER],
    ['format 0', { ...good, format: 0 }, LATER],
    ['format -1', { ...good, format: -1 }, LATER],
    ['format 2 and nothing else', { format: 2 }, LATER],
    ['encoding zstd', table({ encoding: 'zstd' }), LATER],
    ['encoding GZIP', table({ encoding: 'GZIP' }), LATER],
    ['encoding zstd, and no version', drop(table({ encoding: 'zstd' }), 'version'), LATER],
    ['encoding 1', table({ encoding: 1 }), BAD],
    ['encoding zstd of format 1.5', { ...table({ encoding: 'zstd' }), format: 1.5 }, BAD],
    ['an empty name', { ...good, name: '' }, BAD],
    ['a name of 65 characters', { ...good, name: 'a'.repeat(65) }, BAD],
    ['a name with upper case', { ...good, name: 'Example' }, BAD],
    ['a name that climbs', { ...good, name: '../x' }, BAD],
    ['a name that begins with a dot', { ...good, name: '.x' }, BAD],
    ['a name with a line end', { ...good, name: 'x\n' }, BAD],
    ['version 0', { ...good, version: 0 }, BAD],
    ['version -1', { ...good, version: -1 }, BAD],
    ['version 1.5', { ...good, version: 1.5 }, BAD],
    ['version 2^53', JSON.stringify(good).replace('42', '9007199254740992'), BAD],
    ['version 1e400', JSON.stringify(good).replace('42', '1e400'), BAD],
    ['version "42"', { ...good, version: '42' }, BAD],
    ['expires as created', { ...good, expires: good.created }, BAD],
    ['expires before created', { ...good, expires: '2026-11-24T06:59:59Z' }, BAD],
    ['expires 90 days and a second after', { ...good, expires: '2027-02-22T07:00:01Z' }, BAD],
    ['keyring -1', { ...good, keyring: -1 }, BAD],
    ['keyring null', { ...good, keyring: null }, BAD],
    ['shrinkApproved null', { ...good, shrinkApproved: null }, BAD],
    ['shrinkApproved 7 days and a second', shrink({ until: '2026-12-01T07:00:01Z' }), BAD],
    ['shrinkApproved for rows below 0', shrink({ rows: -1 }), BAD],
    ['tables a list', { ...good, tables: [recipients] }, BAD],
    ['no recipients', { ...good, tables: { senders: recipients } }, BAD],
    ['rows -1', table({ rows: -1 }), BAD],
    ['rows 0.5', table({ rows: 0.5 }), BAD],
    ['bytes 2^53', JSON.stringify(good).replace('310', '9007199254740992'), BAD],
    ['a body a byte over its bound', table({ wireBytes: 1335 }), BAD],
    ['a body a byte over, and the part of a byte', table({ bytes: 1999, wireBytes: 3025 }), BAD],
    ['a body over the bound of no bytes', table({ rows: 0, bytes: 0, wireBytes: 1025 }), BAD],
    ['a hash in upper case', table({ sha256: hash('A') }), BAD],
    ['a hash of 63 digits', table({ sha256: hash('a').slice(1) }), BAD],
    ['a hash of 65 digits', table({ sha256: `${hash('a')}a` }), BAD],
    ['a hash that climbs', table({ sha256: `../../../${hash('a').slice(9)}` }), BAD],
    ['a hash with a line end', table({ sha256: `${hash('a')}\n` }), BAD],
    ['65 deltas', table({ deltas: Array.from({ length: 65 }, () => delta) }), BAD],
    ['deltas null', table({ deltas: null }), BAD],
    ['a delta from no hash', table({ deltas: [{ ...delta, from: 'x' }] }), BAD],
  ])('%s', (_, value, expected) => {
    expect(code(value)).toBe(expected);
  });

  test.each([
    '2026-11-24T07:00:00.000Z',
    '2026-11-24T07:00:00+00:00',
    '2026-11-24T07:00:00z',
    '2026-11-24t07:00:00Z',
    '2026-11-24 07:00:00Z',
    '2026-11-24T07:00Z',
    '2026-11-24',
    '2026-02-30T07:00:00Z',
    '2026-13-01T07:00:00Z',
    '2026-11-24T24:00:00Z',
    '2026-11-24T07:60:00Z',
    '2026-11-24T07:00:60Z',
    '+002026-11-24T07:00:00Z',
    ' 2026-11-24T07:00:00Z',
    '2026-11-24T07:00:00Z\n',
    '٢٠٢٦-11-24T07:00:00Z',
    1_795_503_600,
    null,
  ])('the time %j', (created) => {
    expect(code({ ...good, created })).toBe(BAD);
  });

  test.each(['+012026', '-000001', '02026', '226'])('the year %s, from beginning to end', (year) => {
    for (const time of ['07:00:00', '07:00', '07:00:00.000']) {
      expect(code({ ...good, created: `${year}-11-24T${time}Z`, expires: `${year}-12-01T${time}Z` })).toBe(BAD);
    }
  });

  test('bytes that are no UTF-8, even in a member that is not known', () => {
    const text = Buffer.from(JSON.stringify({ ...good, more: 'x' }));
    parseManifest(text);
    text[text.indexOf('"x"') + 1] = 0xff;
    expect(() => parseManifest(text)).toThrow(expect.objectContaining({ code: 'BAD_MANIFEST' }));
  });

  const wrong = 'is missing or of the wrong kind';
  test.each<[unknown, string]>([
    ['[', 'the payload of 1 bytes is not UTF-8 JSON'],
    [[good], `the payload ${wrong}`],
    [drop(good, 'version'), 'version is not a whole number up to 2^53-1'],
    [drop(good, 'tables'), `tables ${wrong}`],
    ['null', `the payload ${wrong}`],
    [{ ...good, format: 2 }, 'format 2; this relaymap knows format 1'],
    [table({ encoding: 'z'.repeat(41) }), `encoding "${'z'.repeat(40)}"; this relaymap knows gzip`],
    [table({ encoding: 1 }), `tables.recipients.encoding ${wrong}`],
    [{ ...good, name: 7 }, 'name is not text'],
    [{ ...good, name: 'A' }, 'name is not a bundle name'],
    [{ ...good, version: '42' }, 'version is not a whole number up to 2^53-1'],
    [{ ...good, version: 0 }, 'version is below 1'],
    [{ ...good, created: 1 }, 'created is not text'],
    [{ ...good, created: 'today' }, 'created is not a time like 2026-11-24T07:00:00Z'],
    [{ ...good, expires: good.created }, 'expires 2026-11-24T07:00:00Z is not after created 2026-11-24T07:00:00Z'],
    [
      { ...good, expires: '2027-02-22T07:00:01Z' },
      'expires 2027-02-22T07:00:01Z is more than 90 days after created 2026-11-24T07:00:00Z',
    ],
    [shrink({ until: '2026-12-01T07:00:01Z' }), 'shrinkApproved.until 2026-12-01T07:00:01Z is more than 7 days after'],
    [shrink({ rows: 0.5 }), 'shrinkApproved.rows is not a whole number'],
    [table({ rows: -1 }), 'tables.recipients.rows is negative'],
    [table({ sha256: 1 }), 'tables.recipients.sha256 is not text'],
    [table({ sha256: 'x' }), 'tables.recipients.sha256 is not 64 lower-case hex digits'],
    [table({ deltas: Array.from({ length: 65 }, () => delta) }), 'tables.recipients.deltas has more than 64 entries'],
    [table({ deltas: [delta, { ...delta, from: 'x' }] }), 'tables.recipients.deltas.1.from is not 64 lower-case hex'],
    [{ ...good, tables: 1 }, `tables ${wrong}`],
  ])('with the member and the rule in the message: %#', (value, message) => {
    expect(() => parse(value)).toThrow(message);
  });

  test('what is no JSON has the reason as its cause', () => {
    expect(() => parse('[')).toThrow(expect.objectContaining({ cause: expect.any(SyntaxError) as unknown }));
  });
});

describe('an offer', () => {
  const verified = (value: object, digest = hash('1')) =>
    ({ manifest: parse(value), digest, envelope: new Uint8Array(0) }) as unknown as VerifiedManifest;
  const rules: OfferRules = {
    name: 'example-org',
    floor: { version: 42, digest: hash('1') },
    seen: [{ version: 42, digest: hash('1') }],
    now: new Date('2026-11-25T00:00:00Z'),
    installedCreated: null,
    maxRows: 10,
    maxBytes: 310,
    valueBytes: 2,
  };
  const judged = (value: object, change: Partial<OfferRules> = {}): string => {
    try {
      const offer = verified(value);
      expect(judgeOffer(offer, { ...rules, ...change })).toEqual({ ...offer, nextHops: null });
      return 'good';
    } catch (error) {
      return (error as { code: string }).code;
    }
  };

  /** A second before it expires, with an installed manifest that is so many seconds ahead of that. */
  const soon = (seconds: number): Partial<OfferRules> => {
    const now = Date.parse(good.expires) - 1000;
    return { now: new Date(now), installedCreated: new Date(now + seconds * 1000) };
  };

  // No offer is both: what is not yet created cannot have expired.
  test.each<[string, Partial<OfferRules>]>([
    ['NOT_YET', { now: new Date('2026-11-24T05:00:00Z') }],
    ['EXPIRED', { now: new Date(good.expires) }],
  ])('that breaks them all, %s too, is refused for the first, then for the next', (code, now) => {
    const wrongs: [string, Partial<typeof good>, Partial<OfferRules>][] = [
      ['WRONG_NAME', {}, { name: 'other' }],
      ['ROLLBACK', {}, { floor: { version: 43, digest: hash('3') } }],
      ['EQUIVOCATION', {}, { seen: [{ version: 42, digest: hash('2') }] }],
      [code, {}, now],
      ['OVER_LIMIT', {}, { maxBytes: -1, maxRows: -1 }],
      ['EMPTY', { tables: { recipients: { ...recipients, rows: 0, bytes: 0 } } }, {}],
    ];
    for (let first = 0; first < wrongs.length; first++) {
      const rest = wrongs.slice(first);
      const value = Object.assign({}, good, ...rest.map(([, change]) => change)) as object;
      expect(judged(value, Object.assign({}, ...rest.map(([, , change]) => change)) as object)).toBe(rest[0]?.[0]);
    }
    expect(judged(good)).toBe('good');
  });

  test.each<[string, object, Partial<OfferRules>, string]>([
    ['a floor of its own version', good, {}, 'good'],
    ['no floor', good, { floor: null, seen: [] }, 'good'],
    ['a version below the floor', { ...good, version: 41 }, {}, 'ROLLBACK'],
    [
      'below the floor, and known',
      { ...good, version: 41 },
      { seen: [{ version: 41, digest: hash('1') }] },
      'ROLLBACK',
    ],
    ['another payload of the floor', good, { seen: [{ version: 42, digest: hash('2') }] }, 'EQUIVOCATION'],
    [
      'another payload above the floor',
      { ...good, version: 50 },
      { seen: [{ version: 50, digest: hash('2') }] },
      'EQUIVOCATION',
    ],
    [
      'the same payload of two that were seen',
      good,
      {
        seen: [
          { version: 42, digest: hash('1') },
          { version: 42, digest: hash('2') },
        ],
      },
      'EQUIVOCATION',
    ],
    [
      'other payloads of other versions',
      good,
      {
        seen: [
          { version: 41, digest: hash('2') },
          { version: 43, digest: hash('3') },
        ],
      },
      'good',
    ],
    ['a second before it expires', good, { now: new Date('2026-12-01T06:59:59Z') }, 'good'],
    ['a millisecond before it expires', good, { now: new Date('2026-12-01T06:59:59.999Z') }, 'good'],
    ['when it expires', good, { now: new Date('2026-12-01T07:00:00Z') }, 'EXPIRED'],
    ['exactly an hour before it was created', good, { now: new Date('2026-11-24T06:00:00Z') }, 'good'],
    ['a millisecond more', good, { now: new Date('2026-11-24T05:59:59.999Z') }, 'NOT_YET'],
    ['an hour before, and expired by what is installed', good, soon(1), 'EXPIRED'],
    ['the same, and what is installed is an hour and a second ahead', good, soon(3601), 'good'],
    ['the same, and what is installed is a year ahead', good, soon(31_536_000), 'good'],
    ['a row too many', good, { maxRows: 9 }, 'OVER_LIMIT'],
    ['a byte too many', good, { maxBytes: 309 }, 'OVER_LIMIT'],
    ['no rows, but bytes', table({ rows: 0 }), {}, 'EMPTY'],
  ])('%s', (_, value, change, expected) => {
    expect(judged(value, change)).toBe(expected);
  });

  test.each<[object, Partial<OfferRules>, RegExp]>([
    [good, { name: 'other' }, /"example-org", this bundle is "other"/],
    [good, { floor: { version: 43, digest: hash('3') } }, /version 42 is offered, and version 43 was/],
    [good, { seen: [{ version: 42, digest: hash('2') }] }, /version 42: 1{16} and 2{16}$/],
    [good, { now: new Date('2026-12-02T00:00:00Z') }, /42 expired 2026-12-01T07:00:00Z, it is 2026-12-02T00:00:00Z/],
    [good, { now: new Date('2026-11-20T00:00:00Z') }, /created 2026-11-24T07:00:00Z, it is 2026-11-20T00:00:00Z: one/],
    [good, { maxRows: 9 }, /10 rows, max_rows is 9/],
    [good, { maxBytes: 309 }, /310 bytes, max_bytes is 309/],
    [good, { valueBytes: 2 ** 30 }, /10737420828 bytes, its format ends at 4294967295/],
    [table({ rows: 0 }), {}, /version 42 has no rows/],
  ])('that is refused is told with both values: %#', (value, change, message) => {
    expect(() => judgeOffer(verified(value), { ...rules, ...change })).toThrow(
      expect.objectContaining({ name: 'OfferError', message: expect.stringMatching(message) as string }),
    );
  });

  test('whose cdb would not fit its 32-bit offsets', () => {
    expect(MAX_CDB).toBe(4_294_967_295);
    const large = { maxRows: 2 ** 40, maxBytes: 2 ** 50 };
    const rows = 100_000_000;
    const keys = MAX_CDB - 2048 - rows * 26;
    expect(cdbBytes(rows, keys, 2)).toBe(MAX_CDB);
    expect(judged(table({ rows, bytes: keys + rows }), large)).toBe('good');
    expect(judged(table({ rows, bytes: keys + rows + 1 }), large)).toBe('OVER_LIMIT');
  });
});

describe('the time', () => {
  const clock = new Date('2026-11-24T07:00:00Z');
  const ahead = (ms: number) => new Date(clock.getTime() + ms);

  test.each([
    ['nothing', null, 0],
    ['what is older', ahead(-1), 0],
    ['what is as old', ahead(0), 0],
    ['what is a millisecond ahead', ahead(1), 1],
    ['what is an hour ahead', ahead(3_600_000), 3_600_000],
    ['what is an hour and a millisecond ahead', ahead(3_600_001), 0],
    ['what is a month ahead', ahead(30 * 86_400_000), 0],
  ])('with %s installed', (_, installed, ms) => {
    expect(judgingTime(clock, installed)).toEqual(ahead(ms));
  });

  test.each<[number, number | null, number | null]>([
    [0, null, null],
    [599_999, null, null],
    [600_000, null, 10],
    [-1000, 599_999, null],
    [-1000, 600_000, 10],
    [1_200_000, 600_000, 20],
    [600_000, 30 * 86_400_000, 43_200],
  ])('created %i ms ahead, and what is installed %j: a warning of %j min', (created, installed, minutes) => {
    const warning = clockWarning(clock, ahead(created), installed === null ? null : ahead(installed));
    if (minutes === null) expect(warning).toBeNull();
    else
      expect(warning).toMatch(
        new RegExp(
          `clock \\(2026-11-24T07:00:00Z\\) is ${minutes} min behind a manifest.*\\(2026-.*Z\\): set the clock`,
        ),
      );
  });
});

describe('next hops', () => {
  const hops = { ...recipients, rows: 3, sha256: hash('d') };
  const withHops = (transport: unknown, approved?: unknown) => ({
    ...good,
    shrinkApproved: { ...shrink({}).shrinkApproved, ...(approved === undefined ? {} : { transport: approved }) },
    tables: { recipients, transport },
  });
  const asked = (value: unknown): string => {
    try {
      nextHopsOf(parse(value));
      return 'good';
    } catch (error) {
      return `${(error as Error).name} ${(error as { code: string }).code}: ${(error as Error).message}`;
    }
  };

  test('are an entry like the other, with an approval of their own', () => {
    const { entry, approvedRows } = nextHopsOf(
      parse(withHops({ ...hops, deltas: [delta, { ...delta, wireBytes: 99 }] }, { rows: 2 })),
    );
    expect([entry?.rows, entry?.sha256, entry?.deltas.map((d) => d.wireBytes), approvedRows]).toEqual([
      3,
      hash('d'),
      [99],
      2,
    ]);
  });

  test('need not be there, and may be none', () => {
    expect(nextHopsOf(parse(good))).toEqual({ entry: null, approvedRows: null });
    expect(asked(withHops({ ...hops, rows: 0, bytes: 0 }, { rows: 0 }))).toBe('good');
  });

  test.each<[string, unknown, RegExp]>([
    ['null', withHops(null), /BAD_MANIFEST: tables\.transport /],
    ['a list', withHops([hops]), /BAD_MANIFEST: tables\.transport/],
    ['no hash', withHops(drop(hops, 'sha256')), /BAD_MANIFEST: tables\.transport\.sha256 is not text/],
    ['rows -1', withHops({ ...hops, rows: -1 }), /BAD_MANIFEST: tables\.transport\.rows is negative/],
    [
      'a body over its bound',
      withHops({ ...hops, wireBytes: 1335 }),
      /BAD_MANIFEST: tables\.transport\.wireBytes 1335/,
    ],
    ['encoding zstd', withHops({ ...hops, encoding: 'zstd' }), /UNSUPPORTED_FORMAT: encoding "zstd"/],
    ['encoding 1', withHops({ ...hops, encoding: 1 }), /BAD_MANIFEST/],
    ['an approval of no rows', withHops(hops, {}), /BAD_MANIFEST: shrinkApproved\.transport\.rows/],
    ['an approval of -1', withHops(hops, { rows: -1 }), /BAD_MANIFEST: shrinkApproved\.transport\.rows is negative/],
  ])('%s: refused where they are asked for, and nowhere else', (_, value, expected) => {
    expect(code(value)).toBe('good');
    expect(asked(value)).toMatch(expected);
  });
});
