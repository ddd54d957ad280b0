// Every reason of health and its edge (docs/commands.md sections 2.3 and 2.5). A daemon that is dead must not stay OK.
import { mkdtempSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { readGatewayConfig, type GatewayConfig } from '../../src/gateway/config.ts';
import { age, health, HEALTH_EXIT, type HealthFacts } from '../../src/gateway/health/grade.ts';
import { healthText } from '../../src/gateway/health/health-text.ts';
import { readStatus, type BundleStatus, type Status } from '../../src/gateway/health/status.ts';
import { sha256 } from '../support/forger.ts';
import { ago, digit, NOW } from './records.ts';
import { liveDamage } from '../../src/gateway/maps/live-damage.ts';

let dir: string;
let config: GatewayConfig;
beforeAll(() => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-health-'));
  const file = path.join(dir, 'relaymap.toml');
  const bundle = (name: string) =>
    `[[bundle]]\nname = "${name}"\nurls = ["https://localhost/"]\nkeys = "/nowhere"\ndomains = ["x.org"]\n`;
  writeFileSync(
    file,
    `state_dir = "${dir}"\nmap_dir = "${dir}"\n${bundle('one')}${bundle('two')}[health]\nwarn_after = "1h"\ncritical_after = "24h"\n`,
  );
  config = readGatewayConfig(file);
});
afterAll(() => rmSync(dir, { recursive: true }));

const good: BundleStatus = {
  name: 'one',
  version: 42,
  digest: digit(42),
  rows: 1_000_000,
  created: ago(24),
  expires: ago(-24 * 6),
  installedAt: ago(5),
  held: null,
  trusted: true,
  ring: digit(1),
  checkedAt: ago(0.01),
  succeededAt: ago(0.01),
  outcome: 'unchanged',
  code: null,
  message: null,
  warnings: [],
};
const status = (one: Partial<BundleStatus> = {}, change: Partial<Status> = {}): Status => ({
  format: 1,
  endedAt: ago(0.01),
  failure: null,
  maps: null,
  reloadPending: null,
  bundles: [
    { ...good, ...one },
    { ...good, name: 'two' },
  ],
  ...change,
});
const look = (facts: Partial<HealthFacts>) =>
  health({ config, status: status(), mapDamage: null, now: NOW, verifies: () => null, ...facts });
const of = (one: Partial<BundleStatus>, facts: Partial<HealthFacts> = {}) => {
  const [found] = look({ status: status(one), ...facts }).bundles;
  return { grade: found?.status, reasons: (found?.reasons ?? []).map((r) => r.text).join('\n') };
};

describe('a report with a value that is none', () => {
  const read = (one: object, change: object = {}) => {
    const whole = status();
    const damaged = { ...whole, bundles: [{ ...good, ...one }, whole.bundles[1]], ...change };
    writeFileSync(path.join(dir, 'status.json'), JSON.stringify(damaged));
    return readStatus(dir).is;
  };

  test.each<[string, object, object?]>([
    ['no time of success', { succeededAt: '' }],
    ['a time of success cut short', { succeededAt: '2026-1:00Z' }],
    ['no time of installation, which stands in for it', { succeededAt: null, installedAt: '2026-13-01' }],
    ['an end of validity that is no time', { expires: '2026-11-:00:00Z' }],
    ['a beginning that is no time', { created: 'x' }],
    ['a check that was never', { checkedAt: 'never' }],
    ['a hold since never', { held: { version: 1, since: '' } }],
    ['a hold at half a version', { held: { version: 1.5, since: ago(1) } }],
    ['half a version', { version: 41.5 }],
    ['fewer rows than none', { rows: -1 }],
    ['a code of nobody', { code: 'EXPIRE' }],
    ['a code that every object has', { code: 'constructor' }],
    ['a run that ended never', {}, { endedAt: '' }],
    ['a reload that is pending since never', {}, { reloadPending: 'soon' }],
    ['a failure of nobody', {}, { failure: { code: 'ENOSPC', message: '' } }],
  ])('%s: unknown, not OK', (_, one, change) => {
    expect(read({})).toBe('whole');
    expect(read(one, change)).toBe('corrupt');
  });
});

test('good facts are OK, without a reason', () => {
  const h = look({});
  expect(h.status).toBe('ok');
  expect(h.bundles.map(({ name, reasons }) => [name, reasons])).toEqual([
    ['one', []],
    ['two', []],
  ]);
});

describe('one bundle', () => {
  const SECOND = 1 / 3600;
  test.each<[string, Partial<BundleStatus>, string, RegExp]>([
    ['nothing is installed', { version: null }, 'critical', /nothing is installed; try: relaymap fetch/],
    ['nothing is installed, and why', { version: null, code: 'TLS' }, 'critical', /nothing is installed.*TLS/],
    ['a second before three quarters', { created: ago(72 - SECOND), expires: ago(-24 - SECOND) }, 'ok', /^$/],
    ['three quarters of its validity', { created: ago(72), expires: ago(-24) }, 'warning', /three quarters/],
    ['a second before it expires', { created: ago(168), expires: ago(-SECOND) }, 'warning', /three quarters/],
    ['it expires now', { created: ago(168), expires: ago(0) }, 'critical', /^expired/],
    ['it expired a day ago', { created: ago(168), expires: ago(24) }, 'critical', /^expired/],
    ['not trusted at the last cycle', { trusted: false }, 'critical', /does not verify/],
    ['a second before warn_after', { succeededAt: ago(1 - SECOND) }, 'ok', /^$/],
    ['warn_after', { succeededAt: ago(1) }, 'warning', /stale.*60m.*does relaymap run\?/],
    [
      'warn_after, with a failure',
      { succeededAt: ago(1), code: 'NETWORK' },
      'warning',
      /stale.*the last one ended NETWORK/,
    ],
    ['a second before critical_after', { succeededAt: ago(24 - SECOND) }, 'warning', /stale/],
    ['critical_after', { succeededAt: ago(24) }, 'critical', /stale.*24h/],
    ['never a good cycle since it was installed', { succeededAt: null, installedAt: ago(25) }, 'critical', /stale/],
    ['a success in the future', { succeededAt: ago(-30 * 24), installedAt: ago(25) }, 'critical', /stale.*for 25h/],
    [
      'a success a minute and a second in the future',
      { succeededAt: ago(-61 * SECOND), installedAt: ago(2) },
      'warning',
      /stale.*for 2h/,
    ],
    ['a success of a cycle that has just begun', { succeededAt: ago(-60 * SECOND), installedAt: ago(99) }, 'ok', /^$/],
    ['no time that is past', { succeededAt: ago(-1), installedAt: ago(-2) }, 'critical', /no good cycle is known of/],
    ['held', { held: { version: 42, since: ago(3) } }, 'warning', /held at version 42.*relaymap resume/],
    ['held, and HELD', { held: { version: 42, since: ago(3) }, code: 'HELD' }, 'warning', /^held at version 42[^\n]*$/],
    ['refused', { code: 'SHRUNK', message: '500 rows would go' }, 'warning', /refused, SHRUNK: 500 rows would go/],
    ['could not', { code: 'NETWORK', message: 'refused' }, 'ok', /^$/],
    ['another mirror lags', { code: 'ROLLBACK', message: 'x' }, 'ok', /^$/],
    ['a mirror lags for warn_after', { code: 'ROLLBACK', message: 'x', succeededAt: ago(1) }, 'warning', /ROLLBACK/],
  ])('%s', (_, one, grade, reasons) => {
    const found = of(one);
    expect(found.grade).toBe(grade);
    expect(found.reasons).toMatch(reasons);
  });

  test('the keys as they are now count, not those of the last cycle', () => {
    expect(of({ trusted: true }, { verifies: () => false }).grade).toBe('critical');
    expect(of({ trusted: false }, { verifies: () => true }).grade).toBe('ok');
  });

  test('several reasons: the worst first, and its grade', () => {
    const [found] = look({
      status: status({ expires: ago(1), succeededAt: ago(2), code: 'EXPIRED', message: 'm' }),
    }).bundles;
    expect(found?.status).toBe('critical');
    expect(found?.reasons.map((r) => r.text.split(/[ ;:]/)[0])).toEqual(['expired', 'stale', 'the']);
  });

  test('a dead daemon: the same facts, later', () => {
    const grades = [0, 0.9, 1.1, 23, 25].map((h) => look({ now: new Date(NOW.getTime() + h * 3_600_000) }).status);
    expect(grades).toEqual(['ok', 'ok', 'warning', 'warning', 'critical']);
  });
});

describe('the host', () => {
  test('without any report every bundle is critical', () => {
    const h = look({ status: null });
    expect(h.bundles.map((b) => [b.status, b.version])).toEqual([
      ['critical', null],
      ['critical', null],
    ]);
  });

  test('a bundle that the report does not know is critical, the other is not', () => {
    expect(look({ status: status({}, { bundles: [good] }) }).bundles.map((b) => b.status)).toEqual(['ok', 'critical']);
  });

  test('a reload that is pending is critical for all', () => {
    // /run/relaymap is not there on a test's host: the record alone counts then.
    const h = look({ status: status({}, { reloadPending: ago(1) }) });
    expect(h.bundles.map((b) => [b.status, b.reasons[0]?.text.slice(0, 14)])).toEqual([
      ['critical', 'reload pending'],
      ['critical', 'reload pending'],
    ]);
  });

  test('what is out of date has changed, and the server is still to be told: critical for all', () => {
    const untold = (is: boolean) => look({ stale: { outOfDate: [], damage: null, untold: is } });
    expect(untold(true).bundles.map((b) => b.reasons[0]?.text.slice(0, 14))).toEqual(Array(2).fill('reload pending'));
    expect(untold(false).status).toBe('ok');
  });

  test('a failure before any bundle: a refusal warns, what could not does not', () => {
    const failed = (code: 'STATE_CORRUPT' | 'BUSY') =>
      look({ status: status({}, { failure: { code, message: 'm' } }) });
    expect(failed('STATE_CORRUPT')).toMatchObject({ status: 'warning', bundles: [{ code: 'STATE_CORRUPT' }, {}] });
    expect(failed('BUSY')).toMatchObject({ status: 'ok', bundles: [{ code: 'BUSY' }, {}] });
  });

  describe('a map', () => {
    const map = () => path.join(dir, 'relay_recipients.cdb');
    const maps = (content = 'installed'): Status['maps'] => {
      const { mtimeMs, ino } = statSync(map());
      return { 'relay_recipients.cdb': { sha256: sha256(content), bytes: content.length, mtimeMs, ino } };
    };
    const grade = async (record: Status['maps'], deep: boolean) => {
      const mapDamage = record === null ? null : await liveDamage(dir, record, deep);
      const h = look({ status: status({}, { maps: record }), mapDamage });
      return [h.status, h.bundles[0]?.reasons[0]?.text ?? ''];
    };
    beforeEach(() => {
      rmSync(map(), { force: true });
      writeFileSync(map(), 'installed');
    });

    test('as installed is fine', async () => {
      expect([await grade(maps(), false), await grade(maps(), true)]).toEqual([
        ['ok', ''],
        ['ok', ''],
      ]);
    });

    test('that is missing, shorter or a link is damaged', async () => {
      const record = maps();
      writeFileSync(map(), 'x');
      expect(await grade(record, false)).toEqual([
        'critical',
        expect.stringMatching(/map damaged: .* has 1 bytes, 9 were/),
      ]);
      rmSync(map());
      expect(await grade(record, false)).toEqual(['critical', expect.stringMatching(/map damaged: .* is missing/)]);
      symlinkSync('/dev/null', map());
      expect(await grade(record, false)).toEqual(['critical', expect.stringMatching(/not a regular file/)]);
    });

    test('that was changed in place, its length and time as before, shows with --deep alone', async () => {
      const record = maps();
      const { atime, mtime } = statSync(map());
      writeFileSync(map(), 'Installed');
      utimesSync(map(), atime, mtime);
      const { mtimeMs } = statSync(map());
      const kept = { 'relay_recipients.cdb': { ...record?.['relay_recipients.cdb'], mtimeMs } } as Status['maps'];
      expect(await grade(kept, false)).toEqual(['ok', '']);
      expect(await grade(kept, true)).toEqual(['critical', expect.stringMatching(/SHA-256/)]);
    });

    test('with another time or inode is looked into: the bytes decide', async () => {
      const record = maps();
      rmSync(map());
      writeFileSync(map(), 'installed');
      utimesSync(map(), 1, 1);
      expect(await grade(record, false)).toEqual(['ok', '']);
      writeFileSync(map(), 'Installed');
      expect(await grade(record, false)).toEqual(['critical', expect.stringMatching(/SHA-256/)]);
    });
  });
});

describe('the text', () => {
  const text = (facts: Partial<HealthFacts>) => healthText(look(facts), config, NOW);

  test('is a monitoring plugin of one line, with performance data', () => {
    expect(text({}).split('\n')).toEqual([
      "RELAYMAP OK - one version 42, 1000000 rows, checked 36s ago; two version 42, 1000000 rows, checked 36s ago | 'one_version'=42 'one_rows'=1000000 'one_checked_age'=36s;3600;86400;0 'one_expires_in'=518400s 'two_version'=42 'two_rows'=1000000 'two_checked_age'=36s;3600;86400;0 'two_expires_in'=518400s",
    ]);
  });

  test('puts the worst bundle first, and no | into words that are not ours', () => {
    const bundles = [good, { ...good, name: 'two', code: 'SHRUNK' as const, message: 'a | b' }];
    const lines = text({ status: status({}, { bundles }) }).split('\n');
    expect(lines[0]).toMatch(/^RELAYMAP WARNING - two version 42/);
    expect(lines.join('\n').split('|').length).toBe(2);
    expect(lines.join('\n')).toContain('a / b');
  });

  test('of nothing has no performance data', () => {
    expect(text({ status: null }).split('\n')[0]).toMatch(/^RELAYMAP CRITICAL - one no version, never checked: [^|]*$/);
  });

  test('exit statuses are those of monitoring plugins', () => {
    expect(HEALTH_EXIT).toEqual({ ok: 0, warning: 1, critical: 2, unknown: 3 });
  });

  test.each([
    [-5000, '0s'],
    [0, '0s'],
    [119_999, '119s'],
    [120_000, '2m'],
    [7_199_999, '119m'],
    [7_200_000, '2h'],
    [172_799_999, '47h'],
    [172_800_000, '2d'],
  ])('%i ms are %s', (ms, said) => {
    expect(age(ms)).toBe(said);
  });
});
