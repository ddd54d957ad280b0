// Any status.json: what was written is read, and of whatever else may stand there health is OK only for a bundle
// that is installed, valid, trusted and lately asked for. Reads a file of its own.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { GatewayConfig } from '../../src/gateway/config.ts';
import { health } from '../../src/gateway/health/grade.ts';
import { healthText } from '../../src/gateway/health/health-text.ts';
import { readStatus, type Status } from '../../src/gateway/health/status.ts';
import { digit, HOUR, NOW } from './records.ts';

let dir: string;
beforeAll(() => (dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap status-'))));
afterAll(() => rmSync(dir, { recursive: true }));

const config = {
  bundle: [{ name: 'one' }],
  health: { warn_after: HOUR, critical_after: 24 * HOUR },
} as unknown as GatewayConfig;

const time = fc
  .integer({ min: -240, max: 240 })
  .map((hours) => new Date(NOW.getTime() + hours * 600_000).toISOString());
const status: fc.Arbitrary<Status> = fc.record({
  format: fc.constant(1 as const),
  endedAt: time,
  failure: fc.option(
    fc.record({ code: fc.constantFrom('CONFIG' as const, 'STATE_CORRUPT' as const), message: fc.string() }),
  ),
  maps: fc.constant(null),
  reloadPending: fc.constant(null),
  bundles: fc.array(
    fc.record({
      name: fc.constantFrom('one', 'two'),
      version: fc.nat(),
      digest: fc.constant(digit(1)),
      rows: fc.option(fc.nat()),
      created: time,
      expires: time,
      installedAt: time,
      held: fc.option(fc.record({ version: fc.nat(), since: time })),
      trusted: fc.boolean(),
      ring: fc.string(),
      checkedAt: fc.option(time),
      succeededAt: fc.option(time),
      outcome: fc.option(fc.constantFrom('installed' as const, 'unchanged' as const, 'kept' as const)),
      code: fc.option(fc.constantFrom('ROLLBACK' as const, 'NETWORK' as const, 'EXPIRED' as const)),
      message: fc.option(fc.string()),
      warnings: fc.array(fc.string()),
    }),
    { maxLength: 3 },
  ),
});

function read(content: string) {
  writeFileSync(path.join(dir, 'status.json'), content);
  return readStatus(dir);
}

test('what was written is read, and health says in plain words what is wrong with it', () => {
  fc.assert(
    fc.property(status, (given) => {
      expect(read(JSON.stringify(given))).toEqual({ is: 'whole', value: given });
      const graded = health({ config, status: given, mapDamage: null, now: NOW, verifies: () => null });
      const b = given.bundles.find(({ name }) => name === 'one');
      if (graded.status === 'ok') {
        expect(b).toMatchObject({ version: expect.any(Number) as number, trusted: true, held: null });
        expect(Date.parse(b?.expires ?? '')).toBeGreaterThan(NOW.getTime());
        expect(NOW.getTime() - Date.parse(b?.succeededAt ?? b?.installedAt ?? '')).toBeLessThan(HOUR);
      } else expect(graded.bundles[0]?.reasons.length).toBeGreaterThan(0);
      expect(healthText(graded, config, NOW).split('\n')[0]).toMatch(/^RELAYMAP (OK|WARNING|CRITICAL|UNKNOWN) - one /);
    }),
  );
});

test('a live copy without a time of its validity or of its installation is damaged; without a live copy there are none', () => {
  const lost = fc.constantFrom('created', 'expires', 'installedAt');
  const bundle = status.filter(({ bundles }) => bundles.length > 0).map(({ bundles }) => bundles[0]);
  fc.assert(
    fc.property(status, bundle, lost, (given, one, key) => {
      const report = (change: object) => read(JSON.stringify({ ...given, bundles: [{ ...one, ...change }] })).is;
      expect(report({ [key]: null })).toBe('corrupt');
      expect(report({ version: null, created: null, expires: null, installedAt: null })).toBe('whole');
    }),
  );
});

test('any content at all: whole, or corrupt with a reason; never absent, never an exception', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.json(),
        fc.string({ unit: 'binary' }),
        status.map((s) => JSON.stringify(s).slice(0, -3)),
      ),
      (content) => {
        const found = read(content);
        expect(found.is).toBe('corrupt');
      },
    ),
  );
});
