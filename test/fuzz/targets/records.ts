// What lies in the state folders: state.json, status.json and the publisher's record, as a bad disk may give them back.
import path from 'node:path';
import { countersOf, summed } from '../../../src/gateway/health/counters.ts';
import { health } from '../../../src/gateway/health/grade.ts';
import { healthJson, healthText } from '../../../src/gateway/health/health-text.ts';
import {
  advance,
  allCopies,
  baseline,
  namedEnvelopes,
  rememberSeen,
} from '../../../src/gateway/record/version-history.ts';
import { freshBundle, freshState, StateFiles, type GatewayState } from '../../../src/gateway/record/state.ts';
import { readStatus, type Status } from '../../../src/gateway/health/status.ts';
import { metricsText } from '../../../src/gateway/health/metrics.ts';
import type { GatewayConfig } from '../../../src/gateway/config.ts';
import { rememberRows, rowsDayAgo } from '../../../src/bundle/offer/guard.ts';
import { parseState } from '../../../src/publisher/repository/state.ts';
import { copy, digit, NOW } from '../../gateway/records.ts';
import { laid } from '../room.ts';
import { attempt, must, same, type Target } from '../target.ts';
import { MAP_FILE } from '../../../src/gateway/map-files.ts';

/** A state folder in which this file is. */
const stateFolder = (name: string, content: Uint8Array): string => path.dirname(laid(name, content));

const mapRecord = { sha256: digit(9), bytes: 2048, mtimeMs: 1.5, ino: 7 };
const full: GatewayState = {
  ...freshState(),
  bundles: {
    'example-org': {
      ...freshBundle(),
      installed: copy(5),
      waiting: copy(6),
      copies: [copy(3), copy(4, { since: '2026-11-20T00:00:00Z' })],
      floor: { version: 5, digest: digit(5) },
      seen: [{ version: 7, digest: digit(7) }],
      held: { version: 5, since: '2026-11-24T11:00:00Z' },
      etags: { 'https://a.example/': { etag: '"x"', digest: digit(5) } },
      ring: '[["AAAA"],1,0]',
      distrusted: [digit(3)],
    },
  },
  maps: {
    inputs: digit(8),
    rows: 105,
    files: { relay_recipients: mapRecord, 'relay_domains.cdb': mapRecord },
    hashed: { at: '2026-11-24T11:00:00Z', ctimesMs: { relay_recipients: 1.5 } },
  },
  reloadPending: '2026-11-24T11:00:00Z',
};

const NUMBERS = ['-1', '1e308', '9007199254740993', '0.5', '-0', 'null', '"__proto__"', '"constructor"', '[]', '{}'];

export const state: Target = {
  name: 'state',
  form: 'json',
  longest: 8192,
  words: [...NUMBERS, '../../x', 'relay_recipients.lmdb', '2026-13-01', '+275760-09-13T00:00:00.001Z'],
  seeds: () => [JSON.stringify(full), JSON.stringify(freshState()), JSON.stringify({ ...full, bundles: {} })],
  run: (input) => {
    const files = new StateFiles(stateFolder('state.json', input));
    const read = files.read();
    must(read.is !== 'absent', 'a file that is there is called absent');
    if (read.is === 'corrupt') return `corrupt, ${read.why.replace(/[0-9]+/g, '0').slice(0, 60)}`;
    const { value } = read;
    stateFolder('state.json', Buffer.from(JSON.stringify(value)));
    const again = files.read();
    same(again.is === 'whole' ? again.value : null, value, 'written and read');
    for (const [name, st] of Object.entries(value.bundles)) {
      must(/^[a-z0-9][a-z0-9.-]{0,63}$/.test(name), 'a name that leads out of the folder');
      must(
        namedEnvelopes(st).every((e) => /^[0-9a-f]{64}$/.test(e.digest) && e.version >= 0),
        'a digest that leads out of the folder',
      );
      must(
        allCopies(st).every((c) => /^[0-9a-f]{64}$/.test(c.table)),
        'a table that leads out of the folder',
      );
      const floor = st.floor?.version ?? 0;
      const { base } = baseline(st, NOW);
      must(base === null || base === st.installed, 'a baseline that is not live');
      rememberSeen(st, { version: floor + 1, digest: digit(77) });
      must(
        st.seen.length <= 2048 || st.seen.some((s) => s.digest === digit(77)) || namedEnvelopes(st).length > 2048,
        'what was seen has no end',
      );
      advance(st, copy(floor + 1), 5, NOW, { shrink: false, hops: false });
      must(st.history.length <= 512, 'a history without end');
      must((st.floor?.version ?? 0) >= floor, 'the floor has gone down');
      must(st.copies.length <= 6, 'more copies than are kept');
    }
    must(
      Object.keys(value.maps?.files ?? {}).every((name) => MAP_FILE.test(name)),
      'a map file of another name',
    );
    return `whole, ${Object.keys(value.bundles).length} bundles, ${value.maps === null ? 'no maps' : 'maps'}`;
  },
};

const status: Status = {
  format: 1,
  endedAt: '2026-11-24T11:59:00Z',
  failure: null,
  maps: null,
  reloadPending: null,
  bundles: [
    {
      name: 'example-org',
      version: 42,
      digest: digit(42),
      rows: 1000,
      created: '2026-11-24T07:00:00Z',
      expires: '2026-12-01T07:00:00Z',
      installedAt: '2026-11-24T08:00:00Z',
      held: null,
      trusted: true,
      ring: '',
      checkedAt: '2026-11-24T11:59:00Z',
      succeededAt: '2026-11-24T11:59:00Z',
      outcome: 'unchanged',
      code: null,
      message: null,
      warnings: [],
    },
  ],
  counters: {
    cycles: [{ bundle: 'example-org', outcome: 'kept', code: 'EXPIRED', count: 3 }],
    bytes: [{ bundle: 'example-org', via: 'delta', count: 300 }],
  },
};
const [one] = status.bundles;
const HOUR = 3_600_000;
const config = {
  bundle: [{ name: 'example-org' }],
  health: { warn_after: HOUR, critical_after: 24 * HOUR },
  mta: { kind: 'postfix' },
} as unknown as GatewayConfig;

export const report: Target = {
  name: 'status',
  form: 'json',
  longest: 8192,
  words: [
    ...NUMBERS,
    'ROLLBACK',
    'EXPIRED',
    'BUSY',
    'installed',
    'unchanged',
    '"2026-11-24T11:59:00Z"',
    '""',
    '|',
    "'",
  ],
  seeds: () => [
    JSON.stringify(status),
    JSON.stringify({ ...status, failure: { code: 'CONFIG', message: 'no' }, reloadPending: '2026-11-24T11:00:00Z' }),
    JSON.stringify({ ...status, failure: { code: 'STATE_CORRUPT', message: 'no' } }),
    JSON.stringify({
      ...status,
      bundles: [{ ...one, outcome: 'kept', code: 'ROLLBACK', message: 'x', held: { version: 42, since: 'y' } }],
    }),
    JSON.stringify({ ...status, bundles: [{ ...one, version: null }] }),
    JSON.stringify({ ...status, bundles: [{ ...one, expires: '2026-11-24T11:00:00Z', succeededAt: null }] }),
  ],
  run: (input) => {
    const read = readStatus(stateFolder('status.json', input));
    must(read.is !== 'absent', 'a file that is there is called absent');
    if (read.is === 'corrupt') return `corrupt, ${read.why.slice(0, 60)}`;
    const { value } = read;
    const graded = health({ config, status: value, mapDamage: null, now: NOW, verifies: () => null });
    const text = healthText(graded, config, NOW);
    must(
      !/NaN|undefined|\[object|Infinity/.test(text.replace(JSON.stringify(value), '')) ||
        /NaN|undefined|\[object|Infinity/.test(Buffer.from(input).toString()),
      `health says ${text.slice(0, 200)}`,
    );
    JSON.parse(JSON.stringify(healthJson(graded)));
    if (graded.status === 'ok') {
      const b = value.bundles.find((each) => each.name === 'example-org');
      const [expires, good] = [Date.parse(b?.expires ?? ''), Date.parse(b?.succeededAt ?? b?.installedAt ?? '')];
      must(b?.version != null && b.trusted, 'OK with nothing installed, or what is not trusted');
      must(expires > NOW.getTime(), `OK though it expires ${b.expires}`);
      must(NOW.getTime() - good < HOUR, `OK though the last good cycle was at ${b.succeededAt}, ${b.installedAt}`);
    }
    const counters = countersOf(value);
    summed(counters, counters);
    const look = { health: graded, status: value, unknown: null };
    const page = metricsText({ version: '1', config, look, counters, process: null });
    for (const line of page.split('\n').filter((each) => each !== '' && !each.startsWith('#')))
      must(
        /^[a-z_]+(\{([a-z_]+="([^"\\\n]|\\.)*",?)*\})? -?[0-9.]+(e[+-]?[0-9]+)?$/.test(line),
        `a metric that is none: ${line}`,
      );
    return `${graded.status}, ${graded.bundles[0]?.reasons.map((r) => r.condition).join() ?? ''}`;
  },
};

const record = {
  format: 1,
  name: 'example-org',
  highest: 42,
  digest: digit(42),
  tables: [{ sha256: digit(1), at: '2026-11-24T07:00:00Z' }],
  history: [
    { rows: 10, at: '2026-11-23T07:00:00Z' },
    { rows: 12, at: '2026-11-24T07:00:00Z' },
  ],
  unnamed: { [`${digit(1)}.gz`]: '2026-11-24T07:00:00Z' },
};

export const publisherState: Target = {
  name: 'publisher-state',
  form: 'json',
  longest: 4096,
  words: [...NUMBERS, '../../x', '2026-13-01'],
  seeds: () => [JSON.stringify(record), JSON.stringify({ ...record, history: undefined, digest: undefined })],
  run: async (input) => {
    const read = await attempt(() => parseState('state.json', Buffer.from(input).toString()));
    if ('refused' in read) return read.refused;
    const { value } = read;
    must(value.highest >= 0 && Number.isSafeInteger(value.highest), 'a version that was never signed');
    must(
      value.tables.every((t) => /^[0-9a-f]{64}$/.test(t.sha256)),
      'a table that leads out of the folder',
    );
    const times = [
      ...value.tables.map((t) => t.at),
      ...value.history.map((h) => h.at),
      ...Object.values(value.unnamed),
    ];
    must(
      times.every((at) => !Number.isNaN(Date.parse(at))),
      'a time that is none',
    );
    same(parseState('state.json', JSON.stringify(value)), value, 'written and read');
    const rows = rowsDayAgo(value.history, NOW);
    must(rows === null || rows >= 0, 'fewer rows than none a day ago');
    const next = rememberRows(value.history, 5, NOW, false);
    must(next.at(-1)?.rows === 5, 'what was published now is not remembered');
    return `whole, ${Math.min(3, value.history.length)}`;
  },
};
