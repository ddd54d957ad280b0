// What a bundle's record says about the past, under keys that change: floor, payloads seen, baseline, copies that
// are kept.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Copies, dayOld, keptCopies } from '../../src/gateway/record/copies.ts';
import {
  advance,
  allCopies,
  baseline,
  isTrusted,
  namedEnvelopes,
  noteSettings,
  refOf,
  rememberSeen,
  settle,
  stored,
  trusted,
  verified,
} from '../../src/gateway/record/version-history.ts';
import type { GatewayConfig } from '../../src/gateway/config.ts';
import { freshBundle, freshState, type BundleState } from '../../src/gateway/record/state.ts';
import { SigningKey } from '../support/forger.ts';
import { ago, copy, digit, keep, NOW, ringOf, signed } from './records.ts';

const state = (change: Partial<BundleState>): BundleState => ({ ...freshBundle(), ...change });
const versions = (copies: readonly { version: number }[]) => copies.map(({ version }) => version);

describe('settle', () => {
  const [old, next] = [new SigningKey(), new SigningKey()];
  let dir: string;
  let copies: Copies;
  beforeEach(() => {
    dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-ledger-'));
    copies = new Copies(dir, 'example-org', null);
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  /** Version 5 installed, 7 the floor (gone back from), both by the old key. */
  function known(): BundleState {
    const st = state({ installed: keep(copies, 5, old), copies: [keep(copies, 7, old, ['b@example.org'])] });
    st.floor = refOf(st.copies[0] ?? copy(0));
    st.etags = { 'https://a.example/': { etag: '"x"', digest: digit(5) } };
    settle('example-org', st, copies, ringOf(1, old));
    return st;
  }

  test('under the same ring changes nothing, and verifies nothing again', () => {
    const st = known();
    const before = structuredClone(st);
    expect(before).toMatchObject({ floor: { version: 7 }, distrusted: [], unconditional: false, etags: {} });
    settle('example-org', st, copies, ringOf(1, old));
    expect(st).toEqual(before);
  });

  test('for the first time keeps floor and ETags', () => {
    const st = known();
    expect(st.ring).not.toBe('');
    expect([st.floor?.version, Object.keys(st.etags), st.unconditional]).toEqual([7, ['https://a.example/'], false]);
  });

  test('under a ring that still trusts the key keeps the floor, and asks without a condition', () => {
    const st = known();
    settle('example-org', st, copies, ringOf(1, old, next));
    expect(st).toMatchObject({ floor: { version: 7 }, distrusted: [], unconditional: true, etags: {} });
    expect(versions(namedEnvelopes(st))).toEqual([7, 5, 7]);
  });

  test('under a ring that trusts none of it: all of it distrusted, the copies still there, floor and baseline too', () => {
    const st = known();
    settle('example-org', st, copies, ringOf(1, next));
    expect([st.floor?.version, st.distrusted.length, st.unconditional]).toEqual([7, 2, true]);
    expect(baseline(st, NOW).base?.version).toBe(5);
    expect(versions(allCopies(st))).toEqual([7, 5]);
    expect(st.installed !== null && isTrusted(st, st.installed)).toBe(false);
  });

  test("a stolen key's huge version stays the floor when the key is gone: whoever strips a signature wins nothing", () => {
    const st = state({ installed: keep(copies, 9_000_000, old), copies: [keep(copies, 5, next, ['b@example.org'])] });
    st.floor = refOf(st.installed ?? copy(0));
    for (const ring of [ringOf(1, old, next), ringOf(1, next), ringOf(2, old, next), ringOf(1, old)]) {
      settle('example-org', st, copies, ring);
      expect(st.floor.version).toBe(9_000_000);
    }
  });

  test('a higher threshold distrusts what too few have signed, and leaves the floor', () => {
    const st = known();
    settle('example-org', st, copies, ringOf(2, old, next));
    expect([st.floor?.version, st.distrusted.length]).toEqual([7, 2]);
  });

  test('a record without a floor has the live copy for one, as soon as that verifies', () => {
    const st = state({ installed: keep(copies, 5, old), copies: [keep(copies, 7, old, ['b@example.org'])] });
    settle('example-org', st, copies, ringOf(1, next));
    expect(st.floor).toBeNull();
    settle('example-org', st, copies, ringOf(1, old));
    expect(st.floor?.version).toBe(5);
  });

  test('what was distrusted is trusted again with the key', () => {
    const st = known();
    settle('example-org', st, copies, ringOf(1, next));
    settle('example-org', st, copies, ringOf(1, old));
    expect(st).toMatchObject({ floor: { version: 7 }, distrusted: [] });
  });

  test.each<[string, (file: string) => void]>([
    ['missing', (file) => rmSync(file)],
    ['damaged', (file) => writeFileSync(file, readFileSync(file).subarray(0, -10))],
    ['another one', (file) => writeFileSync(file, '{"payload":"","payloadType":"","signatures":[]}')],
    ['empty', (file) => writeFileSync(file, '')],
  ])('a named envelope that is %s is STATE_CORRUPT, under the same ring too, and nothing is forgotten', (_, spoil) => {
    for (const ring of [ringOf(1, old), ringOf(1, next)]) {
      const st = known();
      const floor = st.floor ?? { version: 0, digest: '' };
      spoil(path.join(copies.folder, `${floor.version}-${floor.digest}.json`));
      const before = structuredClone(st);
      expect(() => settle('example-org', st, copies, ring)).toThrow(
        expect.objectContaining({
          code: 'STATE_CORRUPT',
          message: expect.stringMatching(
            /^example-org: the stored envelope of version 7 is missing or damaged\. .*--rebuild-state/,
          ),
        }),
      );
      expect(st).toEqual(before);
    }
  });

  test('a payload that was seen counts after its key is gone', () => {
    const st = known();
    rememberSeen(st, copies.envelopes.keepSeen(signed(8, next, ['c@example.org'])));
    settle('example-org', st, copies, ringOf(1, old, next));
    settle('example-org', st, copies, ringOf(1, old));
    expect([versions(st.seen), st.floor?.version]).toEqual([[8], 7]);
  });

  test('of two thousand payloads that were seen one that is gone is found out, and few are read', () => {
    const st = known();
    const envelope = signed(8, old).envelope;
    mkdirSync(path.join(copies.folder, 'seen'));
    for (let version = 100; version < 2100; version++) {
      writeFileSync(path.join(copies.folder, 'seen', `${version}-${digit(version)}.json`), envelope);
      rememberSeen(st, { version, digest: digit(version) });
    }
    expect(st.seen).toHaveLength(2000);
    // None of these files holds what it is named after: only the newest are read, and each cycle.
    expect(() => settle('example-org', st, copies, ringOf(1, old))).toThrow('version 2036 is missing or damaged');
    rmSync(path.join(copies.folder, 'seen', `100-${digit(100)}.json`));
    expect(() => settle('example-org', st, copies, ringOf(1, old))).toThrow('version 100 is missing or damaged');
  });
});

describe('a ring that changes again and again', () => {
  const key = new SigningKey();
  let dir: string;
  let copies: Copies;
  beforeEach(() => {
    dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-ledger-'));
    copies = new Copies(dir, 'example-org', null);
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  test('never makes a floor of what was only seen, of what waits, or of a copy', () => {
    const st = state({
      installed: keep(copies, 2, key),
      copies: [keep(copies, 4, key, ['b@example.org'])],
      waiting: keep(copies, 5, key, ['c@example.org']),
      floor: refOf(keep(copies, 3, key, ['e@example.org'])),
    });
    rememberSeen(st, refOf(keep(copies, 9, key, ['d@example.org'])));
    settle('example-org', st, copies, ringOf(1, key));
    expect([st.floor?.version, versions(st.seen)]).toEqual([3, [9]]);
  });

  test('a waiting copy whose envelope is gone is STATE_CORRUPT too, and so is one that was only seen', () => {
    const gone = copy(6);
    for (const change of [{ waiting: gone }, { installed: gone }, { floor: refOf(gone) }, { seen: [refOf(gone)] }]) {
      expect(() => settle('example-org', state(change), copies, ringOf(1, key))).toThrow('version 6 is missing');
    }
  });
});

describe('an envelope that was verified', () => {
  const [one, two] = [new SigningKey(), new SigningKey()];

  test('counts under the ring that it was verified with, under no other', () => {
    const { envelope } = signed(1, one);
    const ring = ringOf(1, one);
    expect(verified(envelope, ring)?.manifest.version).toBe(1);
    expect(verified(envelope, ringOf(1, two))).toBeNull();
  });

  test('says nothing about other bytes under the same ring', () => {
    const ring = ringOf(1, one);
    verified(signed(1, one).envelope, ring);
    expect(verified(signed(2, one).envelope, ring)?.manifest.version).toBe(2);
    expect(verified(signed(3, two).envelope, ring)).toBeNull();
    expect(verified(Buffer.from('{}'), ring)).toBeNull();
  });

  test('and is stored is verified as it lies there: missing or damaged, it is none', () => {
    const dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-ledger-'));
    const copies = new Copies(dir, 'example-org', null);
    const ref = keep(copies, 4, one);
    const st = state({ installed: ref });
    settle('example-org', st, copies, ringOf(1, one));
    expect(trusted(copies, st, ref)).toEqual(stored(copies, ref, ringOf(1, one)));
    settle('example-org', st, copies, ringOf(1, two));
    expect(trusted(copies, st, ref)).toBeNull();
    expect(stored(copies, ref, ringOf(1, one))?.manifest.version).toBe(4);
    expect(stored(copies, ref, ringOf(1, two))).toBeNull();
    rmSync(dir, { recursive: true });
    expect(stored(copies, ref, ringOf(1, one))).toBeNull();
    expect(trusted(copies, state({ installed: ref }), ref)).toBeNull();
  });
});

describe('a configuration that was changed', () => {
  const config = (change: object = {}, bundle: object = {}) =>
    ({
      bundle: [{ name: 'one', urls: ['https://a.example/'], ...bundle }, { name: 'two' }],
      limits: { max_rows: 1 },
      maps: { types: ['cdb'] },
      poll: { every: 60 },
      ...change,
    }) as unknown as GatewayConfig;
  const noted = (before: GatewayConfig, after: GatewayConfig) => {
    const state = freshState();
    noteSettings(before, state);
    const first = ['one', 'two'].map((name) => state.bundles[name]?.unconditional);
    noteSettings(after, state);
    return { first, second: ['one', 'two'].map((name) => state.bundles[name]?.unconditional) };
  };

  test.each<[string, GatewayConfig, boolean[]]>([
    ['nothing', config(), [false, false]],
    ['what is no bundle’s matter', config({ poll: { every: 61 } }), [false, false]],
    ['one bundle', config({}, { urls: ['https://b.example/'] }), [true, false]],
    ['limits', config({ limits: { max_rows: 2 } }), [true, true]],
    ['maps', config({ maps: { types: ['cdb', 'lmdb'] } }), [true, true]],
  ])('%s: what hangs on it is asked for without a condition', (_, after, second) => {
    expect(noted(config(), after)).toEqual({ first: [false, false], second });
  });

  test('is noted once: the cycle after that is conditional again', () => {
    const state = freshState();
    noteSettings(config(), state);
    noteSettings(config({}, { urls: [] }), state);
    const one = state.bundles['one'] ?? freshBundle();
    expect(one).toMatchObject({ unconditional: true, settings: expect.stringMatching(/^[0-9a-f]{64}$/) as string });
    one.unconditional = false;
    noteSettings(config({}, { urls: [] }), state);
    expect(one.unconditional).toBe(false);
  });
});

describe('a payload that was met', () => {
  test('is remembered once, and the two thousand newest of them', () => {
    const st = state({ installed: copy(1) });
    rememberSeen(st, refOf(copy(1)));
    expect(st.seen).toEqual([]);
    for (let version = 2; version < 2060; version++)
      for (const each of [version, version]) rememberSeen(st, refOf(copy(each)));
    expect([st.seen.length, st.seen[0]?.version, st.seen.at(-1)?.version]).toEqual([2048, 12, 2059]);
  });

  test('is one of two, if the same version says two things', () => {
    const st = state({});
    for (const digest of [digit(1), digit(2)]) rememberSeen(st, { version: 3, digest });
    expect(st.seen).toEqual([
      { version: 3, digest: digit(1) },
      { version: 3, digest: digit(2) },
    ]);
  });
});

describe('advance', () => {
  test('makes the copy the live one, the floor, and the one before it a kept one', () => {
    const st = state({
      installed: copy(1),
      floor: refOf(copy(1)),
      seen: [refOf(copy(2)), refOf(copy(3))],
      unconditional: true,
    });
    st.waiting = copy(2);
    st.distrusted = [copy(9).digest, copy(1).digest];
    advance(st, copy(2), 5, NOW, { shrink: false, hops: false });
    expect(versions(allCopies(st))).toEqual([1, 2]);
    expect(st).toMatchObject({ installed: { version: 2 }, floor: { version: 2 }, waiting: null, unconditional: false });
    expect(versions(st.seen)).toEqual([3]);
    expect(st.distrusted).toEqual([copy(1).digest]);
  });

  test('with no floor yet makes one, and forgets what was seen below it', () => {
    const st = state({ seen: [refOf(copy(1)), refOf(copy(2)), refOf(copy(3))] });
    advance(st, copy(2), 5, NOW, { shrink: false, hops: false });
    expect(st.floor).toEqual(refOf(copy(2)));
    expect([versions(allCopies(st)), versions(st.seen)]).toEqual([[2], [3]]);
  });

  test('to an older copy leaves the floor where it is', () => {
    const st = state({ installed: copy(7), copies: [copy(5)], floor: refOf(copy(7)) });
    advance(st, copy(5), 5, NOW, { shrink: false, hops: false });
    expect(versions(allCopies(st))).toEqual([7, 5]);
    expect(st.floor?.version).toBe(7);
  });

  test('to another payload of the same version takes its digest for the floor', () => {
    const st = state({ installed: copy(7), floor: refOf(copy(7)) });
    advance(st, copy(7, { digest: digit(0xff), table: digit(0xfe) }), 5, NOW, { shrink: false, hops: false });
    expect(st.floor).toEqual({ version: 7, digest: digit(0xff) });
  });

  test('a renewal does not fill the kept copies with one table', () => {
    const st = state({ installed: copy(1, { table: digit(1) }), copies: [copy(0)] });
    for (const version of [2, 3, 4])
      advance(st, copy(version, { table: digit(1) }), 2, NOW, { shrink: false, hops: false });
    expect(versions(allCopies(st))).toEqual([0, 4]);
  });
});

describe('the copies that are kept', () => {
  const dated = (...hours: number[]) => hours.map((h, i) => copy(i + 1, { since: ago(h) }));
  const kept = (all: ReturnType<typeof dated>, n: number) => versions(keptCopies(all, n, NOW));

  test.each<[string, number[], number, number[]]>([
    ['the newest five', [5, 4, 3, 2, 1, 0], 5, [2, 3, 4, 5, 6]],
    ['one', [3, 2, 1], 1, [3]],
    ['and the newest that is a day old', [72, 48, 30, 3, 2, 1], 2, [3, 5, 6]],
    ['which is no more than one', [72, 48, 3, 2], 1, [2, 4]],
    ['or is among them anyway', [72, 48, 30, 1], 2, [3, 4]],
    ['exactly a day old', [24, 3, 2], 1, [1, 3]],
    ['a second less than a day old', [24 - 1 / 3600, 3, 2], 1, [3]],
    ['all of them are a day old', [72, 48, 30], 1, [3]],
    ['none', [], 5, []],
  ])('%s', (_, hours, n, expected) => {
    expect(kept(dated(...hours), n)).toEqual(expected);
  });

  test('are distinct tables: the newest version of each, where it was last', () => {
    const all = [copy(1, { table: digit(1) }), copy(2, { table: digit(2) }), copy(3, { table: digit(1) })];
    expect(kept(all, 5)).toEqual([2, 3]);
    expect(kept(all, 1)).toEqual([3]);
  });

  test('the copy of a day ago is the newest of those', () => {
    expect(dayOld(dated(50, 26, 23), NOW)?.version).toBe(2);
    expect(dayOld(dated(1), NOW)).toBeUndefined();
  });
});

describe('the baseline', () => {
  test('is the live copy, whoever signed it', () => {
    const st = state({ copies: [copy(1, { since: ago(30) }), copy(2, { since: ago(26) })], installed: copy(3) });
    st.distrusted = [copy(3).digest, copy(2).digest];
    expect(baseline(st, NOW)).toMatchObject({ base: { version: 3 }, dayAgoRows: 102 });
    expect(baseline(state({ installed: copy(3) }), NOW)).toMatchObject({ base: { version: 3 }, dayAgoRows: 103 });
    expect(baseline(state({}), NOW)).toEqual({ base: null, dayAgoRows: null, dayAgoHops: null });
  });

  test('is none once it was given up by hand, until the next copy', () => {
    const st = state({ installed: copy(3), baselineGivenUp: true, history: [{ at: ago(30), rows: 1000 }] });
    expect(baseline(st, NOW)).toEqual({ base: null, dayAgoRows: null, dayAgoHops: null });
    advance(st, copy(4), 5, NOW, { shrink: false, hops: false });
    expect(st).toMatchObject({ baselineGivenUp: false, history: [{ at: NOW.toISOString(), rows: 104 }] });
    expect(baseline(st, NOW)).toMatchObject({ base: { version: 4 }, dayAgoRows: 104 });
  });

  test('of a day ago outlives copies, tables that go to and fro, and the same table again', () => {
    const st = state({});
    const table = (version: number, rows: number) => copy(version, { rows, table: digit(rows) });
    advance(st, table(1, 1000), 1, new Date(ago(30)), { shrink: false, hops: false });
    for (let version = 2; version < 40; version++) {
      const now = new Date(Date.parse(ago(23)) + version * 60_000);
      advance(st, table(version, version % 2 === 0 ? 810 : 1000), 1, now, { shrink: false, hops: false });
    }
    advance(st, table(40, 810), 1, NOW, { shrink: false, hops: false });
    expect(baseline(st, NOW)).toMatchObject({ base: { rows: 810 }, dayAgoRows: 1000 });
    advance(st, table(41, 100), 1, NOW, { shrink: true, hops: false });
    expect(st.history).toEqual([{ at: NOW.toISOString(), rows: 100 }]);
  });

  test('of a record that has no history is that of its copies', () => {
    const st = state({ copies: [copy(1, { since: ago(30) }), copy(2, { since: ago(3) })], installed: copy(3) });
    expect(baseline(st, NOW).dayAgoRows).toBe(101);
    advance(st, copy(4), 5, NOW, { shrink: false, hops: false });
    expect(st.history.map(({ rows }) => rows)).toEqual([101, 102, 103, 104]);
  });
});
