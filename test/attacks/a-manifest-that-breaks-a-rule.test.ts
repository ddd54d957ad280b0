// Signed all right, but not what section 3 of the format allows: the signer's fault is refused before a table is
// asked for.
// Covers src/bundle/offer
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { timestamp, type Lies, type ManifestDraft, type TableDraft } from '../support/forger.ts';
import { eachRefused } from '../support/crowd.ts';
import { LIST, LONGER, Scene } from '../support/scene.ts';

let scene: Scene;
beforeAll(async () => {
  scene = await Scene.open();
});
afterAll(() => scene.close());

const DAY = 86_400_000;
const without = (member: keyof ManifestDraft): Lies => ({
  manifest: (m) => Object.fromEntries(Object.entries(m).filter(([name]) => name !== member)),
});
const having = (change: object): Lies => ({ manifest: (m) => ({ ...m, ...change }) });
const tableWithout = (member: keyof TableDraft): Lies => ({
  table: (t) => Object.fromEntries(Object.entries(t).filter(([name]) => name !== member)),
});
const table = (change: object): Lies => ({ table: (t) => ({ ...t, ...change }) });
/** A number as it is written, beyond what JavaScript can hold. */
const written = (member: string, digits: string): Lies => ({
  payload: (p) => p.toString().replace(new RegExp(`"${member}":[^,}]+`), `"${member}":${digits}`),
});
const delta = { from: 'a'.repeat(64), bytes: 3, sha256: 'b'.repeat(64), wireBytes: 2 };
/** @param days and seconds from `created` to `until`. */
const approval = (change: object, days = 1, seconds = 0) => ({
  manifest: (m: ManifestDraft) => {
    const until = timestamp(Date.parse(m.created) + days * DAY + seconds * 1000);
    return { ...m, shrinkApproved: { until, rows: 1, domains: 1, ...change } };
  },
});

describe('BAD_MANIFEST', () => {
  const cases: [string, Lies][] = [
    ['not JSON', { payload: () => 'version 43' }],
    ['no bytes', { payload: () => '' }],
    ['a BOM', { payload: (p) => `\ufeff${p.toString()}` }],
    ['not UTF-8', { payload: (p) => Buffer.from(p.toString().replace('{', '{"é":1,'), 'latin1') }],
    ['null', { payload: () => 'null' }],
    ['a list', { payload: (p) => `[${p.toString()}]` }],
    ['something behind it', { payload: (p) => `${p.toString()} {}` }],
    ['lists in each other', { payload: () => '['.repeat(40_000) + ']'.repeat(40_000) }],
    ...(['format', 'name', 'version', 'created', 'expires', 'tables'] as const).map((member): [string, Lies] => [
      `no ${member}`,
      without(member),
    ]),
    ['format is text', having({ format: '1' })],
    ['format is 1.5', having({ format: 1.5 })],
    ['format is null', having({ format: null })],
    ['name in capitals', having({ name: 'Example-Org' })],
    ['name of 65 characters', having({ name: 'a'.repeat(65) })],
    ['name that climbs', having({ name: '../example-org' })],
    ['name that begins with a dot', having({ name: '.example' })],
    ['name with a line feed', having({ name: 'example-org\n' })],
    ['name is a number', having({ name: 7 })],
    ['version 0', having({ version: 0 })],
    ['version -1', having({ version: -1 })],
    ['version 2^53', written('version', '9007199254740992')],
    ['version 2^53 + 1', written('version', '9007199254740993')],
    ['version 1e400', written('version', '1e400')],
    ['version 7.5', having({ version: 7.5 })],
    ['version is text', having({ version: '7' })],
    ['created with a fraction', having({ created: '2026-11-24T07:00:00.000Z' })],
    ['created with an offset', having({ created: '2026-11-24T07:00:00+00:00' })],
    ['created in small letters', having({ created: '2026-11-24t07:00:00z' })],
    ['created without seconds', having({ created: '2026-11-24T07:00Z' })],
    ['created on 30 February', having({ created: '2026-02-30T07:00:00Z' })],
    ['created at 24:00', having({ created: '2026-11-24T24:00:00Z' })],
    ['created at a leap second', having({ created: '2026-06-30T23:59:60Z' })],
    ['created as a number', having({ created: 1_790_000_000 })],
    ['expires is no time', having({ expires: 'never' })],
    ['expires when it is created', { manifest: (m) => ({ ...m, expires: m.created }) }],
    ['expires before it is created', { lifetime: -1 }],
    ['valid for a second over 90 days', { lifetime: 90 * 86_400 + 1 }],
    ['keyring is text', having({ keyring: '0' })],
    ['keyring is negative', having({ keyring: -1 })],
    ['shrinkApproved is true', having({ shrinkApproved: true })],
    ['shrinkApproved is empty', having({ shrinkApproved: {} })],
    ['shrinkApproved without rows', approval({ rows: undefined })],
    ['shrinkApproved with rows as text', approval({ rows: '1' })],
    ['shrinkApproved for a second over 7 days', approval({}, 7, 1)],
    ['tables is a list', having({ tables: [] })],
    ['no recipients', having({ tables: {} })],
    ['recipients is null', having({ tables: { recipients: null } })],
    ...(['rows', 'bytes', 'sha256', 'encoding', 'wireBytes'] as const).map((member): [string, Lies] => [
      `no ${member}`,
      tableWithout(member),
    ]),
    ['rows is text', table({ rows: '64' })],
    ['rows is negative', table({ rows: -1 })],
    ['rows is a fraction', table({ rows: 0.5 })],
    ['bytes is negative', table({ bytes: -1 })],
    ['bytes beyond 2^53', written('bytes', '9007199254740993')],
    ['wireBytes is negative', table({ wireBytes: -1 })],
    ['wireBytes is null', table({ wireBytes: null })],
    ['sha256 in capitals', { table: (t) => ({ ...t, sha256: 'A'.repeat(64) }) }],
    ['sha256 of 63 digits', table({ sha256: 'a'.repeat(63) })],
    ['sha256 that climbs', table({ sha256: '../'.repeat(21) + 'a' })],
    ['sha256 with a line feed', table({ sha256: `${'a'.repeat(64)}\n` })],
    ['encoding is a number', table({ encoding: 1 })],
    ['deltas is an object', table({ deltas: {} })],
    ['65 deltas', table({ deltas: Array.from({ length: 65 }, () => delta) })],
    ['a delta without from', table({ deltas: [{ ...delta, from: undefined }] })],
    ['a delta from a path', table({ deltas: [{ ...delta, from: '../../etc/passwd' }] })],
    ['a delta with a negative length', table({ deltas: [{ ...delta, wireBytes: -5 }] })],
    ['of duplicate names the last wins', { payload: (p) => p.toString().replace(/\}$/, ',"version":0}') }],
  ];
  eachRefused('BAD_MANIFEST', cases);
});

describe('UNSUPPORTED_FORMAT', () => {
  const cases: [string, Lies][] = [
    ['format 2', having({ format: 2 })],
    ['format 2, and nothing else as in format 1', { payload: () => '{"format": 2, "lists": []}' }],
    ['format 0', having({ format: 0 })],
    ['encoding zstd', table({ encoding: 'zstd' })],
    ['encoding GZIP', table({ encoding: 'GZIP' })],
    ['an empty encoding', table({ encoding: '' })],
  ];
  eachRefused('UNSUPPORTED_FORMAT', cases);

  test('one of them by itself', async () => {
    scene.publish(LONGER, having({ format: 2 }));
    await scene.refused('UNSUPPORTED_FORMAT', ['manifest.json']);
  });
});

describe('the order of judging', () => {
  test('a broken rule before the wrong name, the wrong name before the rollback', async () => {
    scene.publish(LONGER, having({ name: 'another-org', version: 0 }));
    await scene.refused('BAD_MANIFEST', ['manifest.json']);
    const { version } = scene.publish(LONGER);
    await scene.installs(version, LONGER);
    scene.endpoint.take();
    scene.publish(LIST, {
      version: version - 1,
      lifetime: 1,
      created: Date.now() - DAY,
      ...having({ name: 'another-org' }),
    });
    await scene.refused('WRONG_NAME', ['manifest.json']);
    scene.publish(LIST, { version: version - 1, lifetime: 1, created: Date.now() - DAY });
    await scene.refused('ROLLBACK', ['manifest.json']);
    scene.publish(LIST, { version, lifetime: 1, created: Date.now() - DAY });
    await scene.refused('EQUIVOCATION', ['manifest.json']);
    scene.forger.version = version;
    scene.publish(LIST, { lifetime: 1, created: Date.now() - DAY, table: (t) => ({ ...t, rows: 0, bytes: 2 ** 50 }) });
    await scene.refused('EXPIRED', ['manifest.json']);
    scene.publish(LIST, { table: (t) => ({ ...t, rows: 0, bytes: 2 ** 50 }) });
    await scene.refused('OVER_LIMIT', ['manifest.json']);
    scene.publish([], {});
    await scene.refused('EMPTY', ['manifest.json']);
  });
});

describe('what the format allows is taken', () => {
  const cases: [string, Lies][] = [
    ['90 days', { lifetime: 90 * 86_400 }],
    ['unknown members', having({ future: { rows: -1 }, __proto__: null })],
    ['unknown tables', { manifest: (m) => ({ ...m, tables: { ...m.tables, transports: { encoding: 'zstd' } } }) }],
    ['a higher key ring than there is', having({ keyring: 0 })],
    ['an approval for seven days', approval({}, 7)],
    [
      '64 deltas that are larger than the table',
      table({ deltas: Array.from({ length: 64 }, () => ({ ...delta, wireBytes: 2 ** 40 })) }),
    ],
    [
      '30,000 lists in each other, ignored',
      { payload: (p) => p.toString().replace(/\}$/, `,"deep":${'['.repeat(30_000)}${']'.repeat(30_000)}}`) },
    ],
    ['a version of 2^53 - 1', written('version', '9007199254740991')],
  ];
  test.each(cases)('%s', async (name, lies) => {
    const rows = [...LONGER, `${name.replaceAll(/[^a-z0-9]/g, '-')}@example.org`];
    const { version } = scene.publish(rows, lies);
    await scene.installs(name.startsWith('a version') ? Number.MAX_SAFE_INTEGER : version, rows);
    expect(scene.endpoint.take()).toHaveLength(2);
  });
});
