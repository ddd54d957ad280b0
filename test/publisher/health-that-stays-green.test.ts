// What the central side's health says of each thing that can be wrong, from facts alone; and what a run leaves for it.
import { describe, expect, test } from 'vitest';
import { ofSource } from '../../src/publisher/failing-source.ts';
import {
  gradePublisher,
  publisherHealthJson,
  publisherHealthText,
  type Facts,
} from '../../src/publisher/health/grade.ts';
import { publisherMetrics } from '../../src/publisher/health/metrics.ts';
import { statusAfter, type PublishStatus } from '../../src/publisher/health/status.ts';
import { PublishError } from '../../src/publisher/errors.ts';
import { DAY, Desk, HOUR, later, people, START } from './desk.ts';

let made: ReturnType<Desk['config']> | null = null;
const configured = () => {
  made ??= new Desk().config();
  return made;
};

const good: PublishStatus = {
  format: 1,
  name: 'example-org',
  endedAt: START.toISOString(),
  succeededAt: START.toISOString(),
  outcome: 'unchanged',
  code: null,
  message: null,
  source: null,
  divergedSince: null,
  version: 42,
  rows: 1000,
  waiting: 3,
  created: START.toISOString(),
  expires: later(7 * DAY).toISOString(),
};

const look = (now: Date, change: Partial<PublishStatus> = {}, facts: Partial<Facts> = {}) =>
  gradePublisher(
    configured(),
    { status: { ...good, ...change }, foreign: null, unseen: null, certificate: null, ...facts },
    now,
  );

test('all is well', () => {
  const health = look(later(31_000));
  expect([health.status, health.reasons]).toEqual(['ok', []]);
  expect(publisherHealthText(configured(), health, later(31_000))).toBe(
    "RELAYMAP-PUBLISH OK - example-org version 42, 1000 rows, last good run 31s ago | 'example-org_version'=42 " +
      "'example-org_rows'=1000 'example-org_success_age'=31s;3600;86400;0 'example-org_expires_in'=604769s",
  );
});

describe.each<[string, Date, Partial<PublishStatus>, Partial<Facts>, string, RegExp]>([
  ['no good run for an hour', later(HOUR), {}, {}, 'warning', /^no good run for 60m/],
  ['no good run for a day', later(DAY), {}, {}, 'critical', /^no good run for 24h/],
  ['a clock that was ahead', later(-HOUR), {}, {}, 'critical', /in the future: look at the clock/],
  [
    'a source that fails',
    later(120_000),
    { outcome: 'failed', code: 'SOURCE', source: 'staff', endedAt: later(60_000).toISOString() },
    {},
    'warning',
    /^the last run failed 60s ago: SOURCE in source staff/,
  ],
  ['nothing was ever published', later(0), { version: null, succeededAt: null }, {}, 'critical', /^nothing was ever/],
  [
    'a renewal that is overdue',
    later(6 * DAY),
    { succeededAt: later(6 * DAY).toISOString() },
    {},
    'warning',
    /not renewed/,
  ],
  ['expired', later(8 * DAY), { succeededAt: later(8 * DAY).toISOString() }, {}, 'critical', /has expired 24h ago/],
  ['a bucket that does not answer', later(0), {}, { unseen: 'no answer' }, 'warning', /^no answer/],
  ['a stranger’s output', later(0), {}, { foreign: 'not signed here' }, 'critical', /^not signed here/],
  [
    'a certificate of three days',
    later(0),
    {},
    { certificate: { expires: later(3 * DAY) } },
    'warning',
    /expires in 3d/,
  ],
  ['an old certificate', later(0), {}, { certificate: { expires: later(-DAY) } }, 'critical', /has expired 24h ago/],
  ['no certificate', later(0), {}, { certificate: { unread: 'ENOENT' } }, 'warning', /cannot be read: ENOENT/],
])('%s', (_, now, change, facts, status, words) => {
  test('is said', () => {
    const health = look(now, change, facts);
    expect([health.status, health.reasons[0]]).toEqual([status, expect.stringMatching(words)]);
    expect(publisherHealthText(configured(), health, now).split(' ')[1]).toBe(status.toUpperCase());
    expect(publisherHealthJson(configured(), health)).toMatchObject({
      status,
      reasons: expect.arrayContaining([expect.stringMatching(words)]) as unknown,
    });
  });
});

test('before any run it is critical, not unknown', () => {
  const health = gradePublisher(configured(), { status: null, foreign: null, unseen: null, certificate: null }, START);
  expect([health.status, health.reasons]).toEqual(['critical', ['nothing was ever published from here']]);
  expect(publisherMetrics('1.0', configured(), health)).not.toContain('last_run');
});

test('a failed run keeps what is published, and names code and source; no address is kept', async () => {
  const desk = new Desk();
  const result = await desk.publishes(people(20), START);
  const first = statusAfter(desk.config(), null, { result }, START);
  expect(first).toMatchObject({ outcome: 'published', version: 1, rows: 20, created: START.toISOString() });
  const error = ofSource(new PublishError('INVALID_ENTRY', 'secret@example.org is none'), 'staff');
  const next = statusAfter(desk.config(), first, { error }, later(HOUR));
  expect(next).toEqual({
    ...first,
    outcome: 'failed',
    code: 'INVALID_ENTRY',
    source: 'staff',
    endedAt: later(HOUR).toISOString(),
  });
  expect(JSON.stringify(next)).not.toContain('@');
});

test('metrics tell times as times, and escape what a source is called', () => {
  const text = publisherMetrics(
    '1.0',
    configured(),
    look(later(0), { outcome: 'failed', code: 'SOURCE', source: 'a"b\nc' }),
  );
  expect(text).toContain(
    `relaymap_publish_last_success_timestamp_seconds{bundle="example-org"} ${START.getTime() / 1000}\n`,
  );
  expect(text).toContain('relaymap_publish_waiting_rows{bundle="example-org"} 3\n');
  expect(text).toContain(
    'relaymap_publish_last_run_info{bundle="example-org",outcome="failed",code="SOURCE",source="a\\"b\\nc"} 1\n',
  );
});
